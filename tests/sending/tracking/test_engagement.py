"""What a recipient did is told once and counted exactly, in whatever order visits come, and however many sort them at once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from shops import make_shop

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.scope import public, system
from posthouse.sending.campaigns import composers, report
from posthouse.sending.campaigns import services as campaigns
from posthouse.sending.tracking import engagement, jobs, services
from posthouse.sending.tracking.engagement import Visits
from posthouse.sending.tracking.hits import Hit


@pytest.fixture
def shop(world):
    composers.forget()
    made = make_shop(world.a1.scope, name="tea")
    card = made.campaign()
    with transaction(made.scope) as live:
        campaigns.start(made.scope, campaign_id=card.id)
        first = live.execute(sa.text("SELECT min(id) FROM message")).scalar_one()
    return made, card.id, first


def _hits(shop, *seconds, kind="open"):
    made, _campaign, message = shop
    at = clock.now()
    scope = public("test")
    with transaction(scope):
        services.record_batch(scope, [Hit(made.scope.tenant, message, kind, at + timedelta(seconds=one)) for one in seconds])
    return at


def _totals(shop):
    made, campaign, _message = shop
    with transaction(made.scope):
        return {kind: count for kind, count in report.get_report(made.scope, campaign).totals.items() if kind != "recipients"}


def _row(shop, kind="open"):
    made, _campaign, message = shop
    with transaction(made.scope) as live:
        query = "SELECT people, machines, first_at, last_at FROM message_engagement WHERE message_id = :id AND kind = :kind"
        return live.execute(sa.text(query), {"id": message, "kind": kind}).one_or_none()


def test_visits_out_of_order(shop):
    """Within a group the earliest is the first; one that comes later although it was earlier moves no mark back, and adds."""
    at = _hits(shop, 30, 10, 20)
    jobs.sort_hits(system("test"))
    assert (_row(shop).first_at, _row(shop).last_at) == (at + timedelta(seconds=10), at + timedelta(seconds=30))
    _hits(shop, -60)
    jobs.sort_hits(system("test"))
    row = _row(shop)
    assert (row.people, row.first_at, row.last_at) == (4, at + timedelta(seconds=10), at + timedelta(seconds=30))
    assert _totals(shop) == {"opened": 1, "opens": 4}


def test_a_person_after_a_machine_is_the_first_person(shop):
    """A proxy's fetch does not use up the first opening."""
    made, _campaign, message = shop
    scope = public("test")
    with transaction(scope):
        services.record_batch(scope, [Hit(made.scope.tenant, message, "open", clock.now(), None, None, "image_proxy")])
    jobs.sort_hits(system("test"))
    assert _totals(shop) == {"machine_opens": 1}
    _hits(shop, 5)
    jobs.sort_hits(system("test"))
    assert _totals(shop) == {"machine_opens": 1, "opened": 1, "opens": 1}


def test_many_sorters_at_once_count_each_visit_once(shop, app):
    """Four jobs over the same visits: every one is counted, none twice, and the opening is told once."""
    _hits(shop, *range(40))
    together = threading.Barrier(4)

    def sort():
        with app.app_context():
            together.wait(20)
            jobs.sort_hits(system("test"))

    threads = [threading.Thread(target=sort) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert _totals(shop) == {"opened": 1, "opens": 40}
    assert _row(shop).people == 40


def test_two_first_visits_at_once_are_one_first(shop, app):
    """Whoever comes second waits, and finds it known."""
    made, _campaign, message = shop
    together, found = threading.Barrier(2), []

    def add():
        with app.app_context():
            together.wait(20)
            with transaction(made.scope):
                now = clock.now()
                found.append(len(engagement.add(made.scope, {(message, "open"): Visits(people=1, first_at=now, last_at=now)})))

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(found) == [0, 1]
    assert _row(shop).people == 2


def test_a_foreign_tenant_s_engagement_stays_apart(shop, world):
    """The same message's number in another tenant is nobody's message, and its visits are seen by nobody else."""
    _made, _campaign, message = shop
    other = world.b1.scope
    with transaction(other):
        jobs.apply(other, [Hit(other.tenant, message, "open", clock.now())])
    assert _row(shop) is None
    assert _totals(shop) == {}
    with transaction(other) as live:
        assert live.execute(sa.text("SELECT count(*) FROM message_engagement")).scalar_one() == 0
