"""A tenant's share reaches its lanes, and decides whose turn it is."""

from collections import Counter
from datetime import UTC, datetime

import sqlalchemy as sa
from news import pass_on

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.scope import system
from posthouse.sending.delivery import jobs, turns
from posthouse.tenants.events import WeightChanged
from posthouse.tenants.quotas import allowances

T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)


def _weights(place):
    with transaction(place.scope) as live:
        return dict(live.execute(sa.text("SELECT stream, weight FROM lane_tenant")).all())


def _weigh(settings, place, weight):
    with transaction(place.scope):
        allowances.set_weight(place.scope, weight)
    pass_on(settings)


def test_a_new_weight_reaches_both_lanes_of_that_tenant_alone(settings, world):
    _weigh(settings, world.a1, 5)
    assert _weights(world.a1) == {"marketing": 5, "transactional": 5}
    assert _weights(world.a2) == {}


def test_news_that_comes_late_or_twice_sets_what_holds_now(settings, world):
    _weigh(settings, world.a1, 5)
    _weigh(settings, world.a1, 9)
    for _ in range(2):
        jobs.take_weight(world.a1.scope, WeightChanged(tenant_id=world.a1.id))
    assert _weights(world.a1) == {"marketing": 9, "transactional": 9}


def test_turns_are_shared_in_proportion_to_the_weights(settings, world):
    _weigh(settings, world.a1, 6)
    _weigh(settings, world.b1, 2)
    scope = system("test")
    taken = Counter()
    with clock.frozen(T0):
        for place in (world.a1, world.b1):
            with transaction(place.scope):
                turns.due_again(place.scope, stream="marketing", due_at=T0)
        for _ in range(40):
            with transaction(scope):
                found = turns.next_turn(scope, stream="marketing")
            taken[found.tenant_id] += 1
    assert taken == {world.a1.id: 30, world.b1.id: 10}
