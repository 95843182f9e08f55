"""Routes that fail rest and are tried by one letter; providers that ask for less are left alone; nothing is lost or sent twice."""

import asyncio

import pytest
import sqlalchemy as sa
from relay import HANG_UP, TAKE_TIME, Relay
from ways import Ways

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.sending.delivery import backoff, outlet
from posthouse.sending.delivery import ways as of_ways
from posthouse.sending.pools import health
from posthouse.sending.pools import queries as of_pools
from posthouse.sending.rates import queries


@pytest.fixture
def ways(app, world):
    return Ways(app, world)


def _once(*relays):
    found = [recipient for relay in relays for recipient, _ in relay.accepted]
    assert len(found) == len(set(found))
    return len(found)


def test_a_route_that_failed_is_tried_by_a_single_letter(ways, world, monkeypatch):
    """After its rest one connection carries one letter; only when that was answered the others follow."""
    monkeypatch.setattr(of_ways, "route_pause_seconds", lambda _failures: 0.3)
    ill, after = [True], []

    def script(at, verb, _line):
        if verb in {"MAIL", "DOT"} and ill[0]:
            return HANG_UP
        if verb == "DOT" and not after:
            # The first letter on a route that is well again: nothing else may be under way.
            after.append(sum(len(one.lines) > 1 and one.number > at.number for one in relay.sessions))
            return [TAKE_TIME, TAKE_TIME, TAKE_TIME, TAKE_TIME, b"250 ok\r\n"]
        return None

    async def go():
        async with relay:
            _, (route,) = ways.pool(relay.port, max_connections=6)
            ways.queue(world.a1, 100)

            def over():
                if ill[0] and _failures(ways, route):
                    ill[0] = False
                return ways.states(world.a1) == {"sent": 100}

            await ways.work(over, seconds=40)

    relay = Relay(script=script)
    asyncio.run(go())
    assert _once(relay) == 100
    assert after == [0]


def _failures(ways, route):
    return ways.act(of_pools.get_route, route_id=route).failures


def test_one_worker_alone_tries_a_route_that_failed(ways, world):
    """The others let it rest for some seconds more."""
    _, (route,) = ways.pool(2525)
    with transaction(world.a1.scope):
        health.note_trouble(world.a1.scope, route_id=route, failures=2, pause_seconds=0, detail="refused")
    asked = []
    for _ in range(3):
        with transaction(world.a1.scope):
            asked.append(health.claim_probe(world.a1.scope, route_id=route))
    assert asked == [True, False, False]


def test_what_a_failing_route_had_in_hand_leaves_by_another(ways, world):
    """A server that hangs up in the middle of envelopes loses nothing: each letter leaves once, by the other route."""

    def hangs(at, verb, _line):
        return HANG_UP if (verb == "RCPT" and at.number > 1) or (verb == "DATA" and at.accepted >= 5) else None

    async def go():
        async with Relay(script=hangs) as ill, Relay() as well:
            ways.pool(ill.port, well.port, max_connections=3)
            ways.queue(world.a1, 300)
            await ways.work(lambda: ways.states(world.a1) == {"sent": 300}, seconds=60)
            return ill, well

    ill, well = asyncio.run(go())
    assert _once(ill, well) == 300
    assert len(ill.accepted) < 20


def test_a_provider_that_asks_for_less_is_left_alone(ways, world, monkeypatch):
    """After two plain words its recipients rest on this route; one letter asks again, then the rest follows. Others aren't touched."""
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 3.0)
    monkeypatch.setattr(outlet, "HOLD_SECONDS", 0.1)
    refusing, tries = [True], []

    def script(_at, verb, line):
        if verb == "RCPT" and "gmail" in line:
            tries.append(clock.monotonic())
            if refusing[0]:
                return b"450 4.7.28 unusual rate of mail, too many messages\r\n"
        return None

    async def go():
        async with Relay(script=script, extensions=("SIZE 100000",)) as relay:
            _, (route,) = ways.pool(relay.port, max_connections=1)
            ways.queue(world.a1, 50, domain="gmail.com", name="g")
            ways.queue(world.a1, 50, name="x")
            seen = []

            def rests():
                seen.extend(_holds(world, route) if not seen else ())
                return seen and ways.states(world.a1).get("sent") == 50

            await ways.work(rests)
            before, hold = len(tries), seen[0]
            assert (hold.group, hold.by, "unusual rate" in hold.said) == ("google", "backoff", True)
            refusing[0] = False
            _all_due(world.a1)
            await ways.work(lambda: ways.states(world.a1) == {"sent": 100}, seconds=40)
            return relay, before

    relay, before = asyncio.run(go())
    assert _once(relay) == 100
    assert before <= 4


def _holds(world, route):
    with transaction(world.operator):
        return queries.holds_of(world.operator, [route])


def _all_due(place):
    with transaction(place.scope):
        live = session(place.scope)
        live.execute(sa.text("UPDATE message SET not_before = :now WHERE state = 'queued'"), {"now": clock.now()})
        live.execute(sa.text("UPDATE lane_tenant SET due_at = :now"), {"now": clock.now()})
