"""A route that is warmed never sends more than its stage, a day and mailbox provider; the rest goes by a warm one or waits."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from relay import Relay
from ways import Ways

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.errors import Forbidden, Invalid, Missing
from posthouse.sending.delivery.claiming import claim
from posthouse.sending.delivery.records import Mark, Record
from posthouse.sending.delivery.settlement import settle
from posthouse.sending.mailboxes.rules import group_of
from posthouse.sending.pools import services as pools
from posthouse.sending.warmup import queries, services

STAGES = (5, 10, 20, 40, 60, 80, 100)
MORNING = datetime(2027, 3, 1, 8, tzinfo=UTC)


@pytest.fixture
def ways(app, world):
    return Ways(app, world)


def _warm(ways, route, stages=STAGES):
    ways.act(services.start, route_id=route, stages=stages)


def _days(ways, route):
    with transaction(ways.world.operator):
        return queries.warmup_of(ways.world.operator, route_id=route).days


def _claims(ways, place):
    """Claim until nothing more is to be had; leaves the leases open."""
    found = []
    while (claimed := claim(place.scope, stream="marketing", place=ways.place)) is not None:
        found.append(claimed)
    return found


def _settle(claimed, word):
    settle(claimed.scope, lease_id=claimed.lease_id, word=word, by="test")
    claimed.journal.remove()


def _sent(card):
    return Record(Mark.SENT, card.id, 250, "2.0.0", "dot", "ok", card.route_id or 0)


def test_a_month_never_passes_a_stage(ways, world):
    """Thirty days, two tenants, two providers, leases that come to nothing and retries: no day, route and provider above its stage."""
    _, routes = ways.pool(2525, 2526)
    for route in routes:
        _warm(ways, route)
    chance = random.Random(7)
    sent = Counter()
    with clock.frozen(MORNING) as at:
        for day in range(30):
            for place in (world.a1, world.b1):
                ways.queue(place, 60, domain="gmail.com", name=f"d{day}g")
                ways.queue(place, 40, domain="example.com", name=f"d{day}o")
            for _ in range(3):  # rounds a day, the last close to its end
                leases = [claimed for place in (world.a1, world.b1) for claimed in _claims(ways, place)]
                for claimed in leases:
                    gone = {card.id: card for card in claimed.cards if chance.random() < 0.8}
                    for card in gone.values():
                        sent[clock.now().date(), card.route_id, group_of(card.recipient.split("@")[1])] += 1
                    _settle(claimed, lambda message_id, gone=gone: _sent(gone[message_id]) if message_id in gone else None)
                at.move(seconds=5 * 3_600)
            at.move(seconds=9 * 3_600)
        stages = {(one.day, route, one.group): one for route in routes for one in _days(ways, route)}
    assert len({day for day, _, _ in sent}) == 30
    for (day, route, group), count in sent.items():
        name = {"google": "Google", "other": "All others"}[group]
        card = stages[day, route, name]
        assert card.actual == count
        assert card.planned is None or count <= card.planned
    firsts = [stages[MORNING.date() + timedelta(days=number), routes[0], "Google"].planned for number in range(4)]
    assert firsts == [5, 10, 20, 40]


def test_the_rest_goes_by_the_warm_route(ways, world):
    """The cold one gets its share as far as its stage goes; nothing waits."""
    _, (cold, _) = ways.pool(2525, 2526)
    _warm(ways, cold)
    with clock.frozen(MORNING):
        ways.queue(world.a1, 100)
        (claimed,) = _claims(ways, world.a1)
        assert Counter(card.route_id for card in claimed.cards) == {cold: 5, None: 95}
        _settle(claimed, lambda _: None)
        assert [(one.planned, one.actual) for one in _days(ways, cold)] == [(5, 0)]


def test_where_all_are_cold_the_rest_waits_or_overflows(ways, world):
    """Without an overflow pool until the next day, at midnight; with one it leaves there."""
    pool, (cold,) = ways.pool(2525)
    _warm(ways, cold)
    with clock.frozen(MORNING) as at:
        ways.queue(world.a1, 12)
        (claimed,) = _claims(ways, world.a1)
        assert [card.route_id for card in claimed.cards] == [cold] * 5
        _settle(claimed, lambda message_id: _sent(next(card for card in claimed.cards if card.id == message_id)))
        with transaction(world.a1.scope):
            found = session(world.a1.scope).execute(sa.text("SELECT not_before, reason FROM message WHERE state = 'queued'")).all()
        assert set(found) == {(datetime(2027, 3, 2, tzinfo=UTC), "warm-up")}
        assert len(found) == 7
        overflow, _ = ways.pool(2527, default=False)
        ways.act(services.set_overflow, pool_id=pool, overflow_pool_id=overflow)
        ways.queue(world.a1, 8, name="later")
        (claimed,) = _claims(ways, world.a1)
        assert [card.route_id for card in claimed.cards] == [None] * 8
        _settle(claimed, lambda _: None)
        at.move(seconds=17 * 3_600)
        (claimed,) = _claims(ways, world.a1)
        assert Counter(card.route_id for card in claimed.cards) == {cold: 10, None: 5}
        _settle(claimed, lambda _: None)


def test_what_waits_for_tomorrow_keeps_its_own_instant(ways, world):
    """Of a million that began in one instant each lease would look through all; put off twice they are still apart."""
    _, (cold,) = ways.pool(2525)
    _warm(ways, cold)
    apart = sa.text("UPDATE message m SET not_before = not_before - n * interval '1 microsecond' FROM (SELECT id, row_number() OVER () AS n FROM message) k WHERE k.id = m.id")  # fmt: skip
    with clock.frozen(MORNING) as at:
        ways.queue(world.a1, 40)
        with transaction(world.a1.scope) as live:
            live.execute(apart)
        for day, left in ((2, 35), (3, 25)):
            (claimed,) = _claims(ways, world.a1)
            _settle(claimed, lambda message_id: _sent(next(card for card in claimed.cards if card.id == message_id)))  # noqa: B023
            with transaction(world.a1.scope):
                found = session(world.a1.scope).execute(sa.text("SELECT not_before FROM message WHERE state = 'queued'")).scalars().all()
            assert len(set(found)) == left
            assert all(datetime(2027, 3, day, tzinfo=UTC) <= one < datetime(2027, 3, day, 0, 0, 1, tzinfo=UTC) for one in found)
            at.move(seconds=86_400)


def test_more_of_a_campaign_waits_with_what_was_picked(ways, world):
    """Once all of a claim waits, the campaign's others at the same domains do too, in one go; other domains and other mail stay due."""
    _, (cold,) = ways.pool(2525)
    _warm(ways, cold)
    made = "INSERT INTO campaign (tenant_id, name, state, created_at) VALUES (:tenant, 'c', 'sending', :at) RETURNING id"
    with clock.frozen(MORNING) as at:
        ways.queue(world.a1, 1_000, domain="gmail.com")
        ways.queue(world.a1, 3, name="late", domain="yahoo.com")
        with transaction(world.a1.scope) as live:
            campaign = live.execute(sa.text(made), {"tenant": world.a1.id, "at": MORNING}).scalar_one()
            live.execute(sa.text("UPDATE message SET campaign_id = :id"), {"id": campaign})
            apart = "UPDATE message m SET not_before = not_before - n * interval '1 microsecond' FROM (SELECT id, row_number() OVER (ORDER BY domain DESC) AS n FROM message) k WHERE k.id = m.id"  # fmt: skip
            live.execute(sa.text(apart))
        ways.queue(world.a2, 1, domain="gmail.com")
        found = [claim(world.a1.scope, stream="marketing", place=ways.place) for _ in range(3)]
        assert [len(one.cards) if one else 0 for one in found] == [5, 0, 3]
        with transaction(world.a1.scope) as live:
            waits = live.execute(sa.text("SELECT domain, not_before FROM message WHERE state = 'queued'")).all()
        assert {row.domain for row in waits} == {"gmail.com"}
        assert len({row.not_before for row in waits}) == 995
        assert all(row.not_before >= datetime(2027, 3, 2, tzinfo=UTC) for row in waits)
        with transaction(world.a2.scope) as live:
            assert live.execute(sa.text("SELECT not_before FROM message")).scalar_one() == MORNING
        for one in (found[0], found[2]):
            _settle(one, lambda message_id, one=one: _sent(next(card for card in one.cards if card.id == message_id)))
        at.move(seconds=86_400)
        (claimed,) = _claims(ways, world.a1)
        assert len(claimed.cards) == 10
        _settle(claimed, lambda _: None)


def test_nothing_begins_on_a_cold_route_at_the_end_of_a_day(ways, world):
    """What was claimed in the evening must not leave on the next day's account."""
    _, (cold,) = ways.pool(2525)
    _warm(ways, cold)
    with clock.frozen(datetime(2027, 3, 1, 23, 58, 30, tzinfo=UTC)):
        ways.queue(world.a1, 3)
        assert _claims(ways, world.a1) == []


def test_through_real_connections(ways, world):
    """The cold route's server gets its stage and no more, the overflow's all the rest, and each letter leaves once."""

    async def go():
        async with Relay() as cold, Relay() as warm:
            pool, (route,) = ways.pool(cold.port)
            overflow, _ = ways.pool(warm.port, default=False)
            ways.act(services.set_overflow, pool_id=pool, overflow_pool_id=overflow)
            _warm(ways, route)
            ways.queue(world.a1, 60)
            await ways.work(lambda: ways.states(world.a1) == {"sent": 60})
            return cold, warm, route

    cold, warm, route = asyncio.run(go())
    assert (len(cold.accepted), len(warm.accepted)) == (5, 55)
    assert len({recipient for relay in (cold, warm) for recipient, _ in relay.accepted}) == 60
    assert [(one.planned, one.actual) for one in _days(ways, route)] == [(5, 5)]


def test_only_the_operator_warms(ways, world):
    """Everything else is refused, and nonsense too."""
    pool, (route,) = ways.pool(2525)
    for scope in (world.a.scope, world.a1.scope):
        with transaction(scope), pytest.raises(Forbidden):
            services.start(scope, route_id=route, stages=STAGES)
        with transaction(scope), pytest.raises(Forbidden):
            queries.warmup_of(scope, route_id=route)
    for wrong, kind in (({"route_id": 7, "stages": STAGES}, Missing), ({"route_id": route, "stages": (5, 3)}, Invalid)):
        with transaction(world.operator), pytest.raises(kind):
            services.start(world.operator, **wrong)
    with transaction(world.operator), pytest.raises(Missing):
        services.set_overflow(world.operator, pool_id=pool, overflow_pool_id=pool)
    _warm(ways, route)
    ways.act(services.end, route_id=route)
    ways.act(pools.delete_route, route_id=route)
