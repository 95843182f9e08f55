"""Limits of routes hold on the wire: rates in every stretch of time, sizes, connections; other routes take over meanwhile."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa
from relay import TAKE_TIME, Relay
from ways import Ways

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.sending.pools import services as pools
from posthouse.sending.rates import queries
from posthouse.sending.rates import services as rates
from posthouse.sending.rates.rules import Limits


@pytest.fixture
def ways(app, world):
    return Ways(app, world)


def _timed(times):
    """Note when each final dot came."""

    def script(_session, verb, _line):
        if verb == "DOT":
            times.append(asyncio.get_running_loop().time())

    return script


def _limit(ways, route, group="", **limits):
    ways.act(rates.set_limits, route_id=route, group=group, limits=Limits(**limits))


def _recipients(*relays):
    found = [recipient for relay in relays for recipient, _ in relay.accepted]
    assert len(found) == len(set(found))
    return found


def test_no_second_has_more_than_the_limit(ways, world):
    """In any stretch of a second no more leave than may, over all connections, and the pace comes near it."""
    times = []

    async def go():
        async with Relay(script=_timed(times)) as relay:
            _, (route,) = ways.pool(relay.port, max_connections=4)
            _limit(ways, route, per_second=30)
            ways.queue(world.a1, 75)
            await ways.work(lambda: ways.states(world.a1) == {"sent": 75}, seconds=20)
            return relay

    assert len(_recipients(asyncio.run(go()))) == 75
    worst = max(sum(start <= one < start + 1 for one in times) for start in times)
    # Permits live for a moment: a letter may leave so much later than it was allowed to.
    assert worst <= 33
    assert times[-1] - times[0] < 5


def test_an_hours_limit_is_never_passed_and_what_waits_is_left_alone(ways, world):
    """It holds over workers and whatever they do; what waits isn't claimed again and again, and its lane says when it goes on."""

    async def go():
        async with Relay() as relay:
            _, (route,) = ways.pool(relay.port, max_connections=4)
            _limit(ways, route, per_hour=40)
            ways.queue(world.a1, 120)
            await ways.work(lambda: len(relay.accepted) == 40 and bool(_rests(world, route)))
            await ways.work(lambda: _hold(world.a1) == "rate:hour")
            for _ in range(2):
                leases = _count(world.a1, "lease")
                await ways.work(lambda: True)
                assert _count(world.a1, "lease") == leases
            assert ways.states(world.a1) == {"sent": 40, "queued": 80}
            # A raised limit holds within seconds.
            _limit(ways, route, per_hour=70)
            _due(world.a1)
            await ways.work(lambda: len(relay.accepted) == 70)
            return relay

    assert len(_recipients(asyncio.run(go()))) == 70


def _hold(place):
    with transaction(place.scope):
        return session(place.scope).execute(sa.text("SELECT held_by FROM lane_tenant WHERE stream = 'marketing'")).scalar_one()


def _rests(world, route):
    with transaction(world.operator):
        return queries.holds_of(world.operator, [route])


def _due(place):
    with transaction(place.scope):
        session(place.scope).execute(sa.text("UPDATE lane_tenant SET due_at = :now"), {"now": clock.now()})


def _count(place, table):
    with transaction(place.scope):
        return session(place.scope).execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()


def test_another_route_takes_over_what_a_limited_one_may_not_send(ways, world):
    """The pool's mail doesn't wait for its slowest route."""

    async def go():
        async with Relay() as limited, Relay() as free:
            _, routes = ways.pool(limited.port, free.port, max_connections=2)
            _limit(ways, routes[0], per_day=20)
            ways.queue(world.a1, 200)
            await ways.work(lambda: ways.states(world.a1) == {"sent": 200})
            return limited, free

    limited, free = asyncio.run(go())
    assert len(_recipients(limited, free)) == 200
    assert len(limited.accepted) <= 20


def test_a_limited_pool_keeps_no_other_waiting(ways, world):
    """One worker serves both: the other pool's mail leaves at once."""

    async def go():
        async with Relay() as slow, Relay() as fast:
            pool, (route,) = ways.pool(slow.port)
            _limit(ways, route, per_minute=6)
            other, _ = ways.pool(fast.port, default=False)
            ways.act(pools.grant_pool, pool_id=other, reseller_id=world.b.id, stream="marketing", default=True)
            ways.queue(world.a1, 300)
            ways.queue(world.b1, 300)
            await ways.work(lambda: ways.states(world.b1) == {"sent": 300}, seconds=10)
            return slow, pool

    slow, _ = asyncio.run(go())
    assert len(slow.accepted) <= 6


def test_a_letter_too_large_for_a_route_goes_by_another_or_is_refused(ways, world):
    """Where no route takes it the message fails, and says so."""

    async def go():
        async with Relay() as small, Relay() as large:
            _, routes = ways.pool(small.port, large.port, max_connections=1)
            _limit(ways, routes[0], most_bytes=10)
            ways.queue(world.a1, 20)
            await ways.work(lambda: ways.states(world.a1) == {"sent": 20})
            assert (len(small.accepted), len(large.accepted)) == (0, 20)
            _limit(ways, routes[1], most_bytes=12)
            ways.queue(world.a2, 3)
            await ways.work(lambda: ways.states(world.a2) == {"failed": 3})

    asyncio.run(go())
    with transaction(world.a2.scope):
        row = session(world.a2.scope).execute(sa.text("SELECT reason, reply_text FROM message LIMIT 1")).one()
    assert row.reason == "mesgtoobig"
    assert "no way out takes one so large" in row.reply_text


def test_one_provider_may_take_smaller_letters_only(ways, world):
    """What is too large for its recipients goes by a route without that limit; everybody else's leaves by either."""

    async def go():
        async with Relay() as small, Relay() as large:
            _, routes = ways.pool(small.port, large.port, max_connections=1)
            _limit(ways, routes[0], group="google", most_bytes=10)
            ways.queue(world.a1, 10, domain="gmail.com", name="g")
            await ways.work(lambda: ways.states(world.a1) == {"sent": 10})
            assert (len(small.accepted), len(large.accepted)) == (0, 10)
            _limit(ways, routes[1], group="google", most_bytes=12)
            ways.queue(world.a2, 2, domain="gmail.com", name="g")
            ways.queue(world.a2, 3)
            await ways.work(lambda: ways.states(world.a2) == {"failed": 2, "sent": 3})

    asyncio.run(go())


def test_a_providers_share_of_a_route_is_limited_apart(ways, world):
    """Connections, messages a connection and a rate for one provider's recipients; all others go on freely."""
    together, most = set(), []

    def script(at, verb, line):
        if verb == "RCPT" and "gmail" in line:
            together.add(at.number)
            most.append(len(together))
        if verb == "DOT" and "gmail" in line:
            return [TAKE_TIME, b"250 2.0.0 ok\r\n"]
        if verb == "QUIT":
            together.discard(at.number)
        return None

    async def go():
        async with Relay(script=script, extensions=("SIZE 100000",)) as relay:
            _, (route,) = ways.pool(relay.port, max_connections=6)
            _limit(ways, route, "google", per_hour=15, messages_per_connection=4, connections=1)
            ways.queue(world.a1, 40, domain="gmail.com", name="g")
            ways.queue(world.a1, 60, name="x")
            await ways.work(lambda: ways.states(world.a1) == {"sent": 75, "queued": 25} and not _leased(world.a1))
            return relay

    relay = asyncio.run(go())
    found = _recipients(relay)
    assert sum("gmail" in one for one in found) == 15
    of_session = [sum("RCPT" in line and "gmail" in line for line in one.lines) for one in relay.sessions]
    assert max(of_session) <= 4
    with transaction(world.a1.scope):
        waits = session(world.a1.scope).execute(sa.text("SELECT DISTINCT reason FROM message WHERE state = 'queued'")).scalars().all()
        first = session(world.a1.scope).execute(sa.text("SELECT min(not_before) FROM message WHERE state = 'queued'")).scalar_one()
    assert waits == ["throttled: google"]
    assert first > clock.now() + timedelta(minutes=30)


def _leased(place):
    with transaction(place.scope):
        return session(place.scope).execute(sa.text("SELECT count(*) FROM message WHERE state = 'queued' AND reason = ''")).scalar_one()
