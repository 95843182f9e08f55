"""Connections held in PostgreSQL: never more than the limit over all workers, back at the end of a term, one kept for single messages."""

import threading

import pytest
import sqlalchemy as sa
from ways import Ways

from posthouse.platform.db import transaction
from posthouse.platform.scope import system
from posthouse.sending.rates import queries, slots
from posthouse.sending.rates.slots import KEPT_SECONDS, MARGIN_SECONDS, TERM_SECONDS, Wish

SYSTEM = system("delivery")


@pytest.fixture
def route(app, world):
    return Ways(app, world).pool(2525, max_connections=4)[1][0]


def _pass(seconds):
    """Have everything been said so much earlier."""
    with transaction(SYSTEM) as live:
        live.execute(sa.text('UPDATE route_use SET "until" = "until" - make_interval(secs => :seconds)'), {"seconds": seconds})


def _ask(route, worker, wanted, *, kept=0, limit=4, stream="marketing", group="", opened=0):
    with transaction(SYSTEM):
        wishes = {group: Wish(limit, kept, wanted, opened)}
        return slots.exchange(SYSTEM, route_id=route, worker=worker, stream=stream, wishes=wishes)[group]


def test_two_workers_never_hold_more_than_there_are(route):
    """The second gets what is left, and its part once the first has made room."""
    assert _ask(route, "h:1", 9) == 4
    assert _ask(route, "h:2", 4) == 0
    assert _ask(route, "h:1", 4, kept=2) == 2
    assert _ask(route, "h:2", 4) == 2
    assert _ask(route, "h:1", 4, kept=2) == 2


def test_many_asking_at_once_never_pass_the_limit(app, route):
    """Whoever comes first has it; the sum holds, whatever the order."""
    granted = []

    def ask(number):
        with app.app_context():
            granted.append(_ask(route, f"h:{number}", 3))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 6
    assert sum(granted) == 4


def test_what_a_silent_worker_holds_comes_back_after_its_term(route):
    """Not at once: its clock may differ, or its next word be on its way."""
    assert _ask(route, "h:1", 4) == 4
    _pass(TERM_SECONDS + MARGIN_SECONDS - 1)
    assert _ask(route, "h:2", 4) == 0
    _pass(2)
    assert _ask(route, "h:2", 4) == 4
    assert _ask(route, "h:1", 4, kept=4) == 0


def test_a_worker_that_ends_hands_all_back(route):
    """Under each of its numbers, and nobody else's."""
    assert (_ask(route, "h:1#1", 1), _ask(route, "h:1#2", 1), _ask(route, "h:12#1", 1)) == (1, 1, 1)
    with transaction(SYSTEM):
        slots.leave(SYSTEM, worker="h:1")
        held = {claim.worker for claim in slots.claims_of(SYSTEM, [route])[route][""]}
    assert held == {"h:12#1"}


def test_one_stays_free_for_single_messages_once_some_have_come(route):
    """For a day after the last."""
    assert _ask(route, "h:t", 1, stream="transactional") == 1
    assert _ask(route, "h:t", 0, stream="transactional") == 0
    assert _ask(route, "h:1", 9) == 3
    assert _ask(route, "h:t", 1, stream="transactional") == 1
    _pass(KEPT_SECONDS + MARGIN_SECONDS)
    assert _ask(route, "h:1", 9) == 4


def test_providers_are_counted_apart(world, route):
    """And the page shows a route's open connections, not those of its providers once more."""
    assert _ask(route, "h:1", 2, opened=2) == 2
    assert _ask(route, "h:1", 1, limit=1, group="google", opened=1) == 1
    assert _ask(route, "h:2", 1, limit=1, group="google") == 0
    with transaction(world.operator):
        assert queries.connections_of(world.operator, [route]) == {route: 2}
