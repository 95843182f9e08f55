"""Connection limits hold over all workers of both streams, on the wire; single messages aren't kept out; the dead hold nothing."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest
from relay import TAKE_TIME, Relay
from ways import Ways

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.scope import system
from posthouse.sending.delivery import hosts
from posthouse.sending.delivery.presence import Presence, gone
from posthouse.sending.rates import services as rates
from posthouse.sending.rates import slots
from posthouse.sending.rates.rules import Limits
from posthouse.sending.rates.slots import TERM_SECONDS, Wish

SYSTEM = system("delivery")
_PRESENT = (
    "import sys, signal; from pathlib import Path; from posthouse.sending.delivery.presence import Presence;"
    " sign = Presence(Path(sys.argv[1])); print(sign.name, flush=True); signal.pause()"
)


@pytest.fixture
def ways(app, world):
    return Ways(app, world)


def _slow(_session, verb, _line):
    return [TAKE_TIME, b"250 2.0.0 ok\r\n"] if verb == "DOT" else None


def _holders(route):
    with transaction(SYSTEM):
        return [claim.worker for claim in slots.claims_of(SYSTEM, [route])[route][""]]


def _sent(ways, *places):
    return sum(ways.states(place).get("sent", 0) for place in places)


@pytest.mark.parametrize("limit", [1, 3])
def test_both_streams_and_two_workers_of_each_keep_to_the_limit(ways, world, limit):
    """Three more workers than connections: everything leaves, once, and never by more connections than there may be."""

    async def go():
        async with Relay(script=_slow) as relay:
            ways.pool(relay.port, max_connections=limit)
            ways.queue(world.a1, 60, name="m")
            ways.queue(world.a2, 30, name="n")
            ways.queue(world.b1, 6, name="t", stream="transactional")
            done = lambda: _sent(ways, world.a1, world.a2, world.b1) == 96  # noqa: E731
            streams = ("marketing", "marketing", "transactional", "transactional")
            await asyncio.gather(*(ways.work(done, stream=stream, seconds=60) for stream in streams))
            return relay

    relay = asyncio.run(go())
    assert sorted(recipient for recipient, _ in relay.accepted) == sorted({recipient for recipient, _ in relay.accepted})
    assert len(relay.accepted) == 96
    assert relay.most_open <= limit


def test_a_single_message_gets_its_connection_beside_a_campaign(ways, world):
    """The campaign's worker gives up one of its connections within two seconds, although it has enough to send for all."""
    times = {}

    def script(_session, verb, line):
        if verb == "RCPT" and "<t" in line:
            times["single"] = clock.monotonic()
        return [TAKE_TIME, b"250 2.0.0 ok\r\n"] if verb == "DOT" else None

    async def go():
        async with Relay(script=script) as relay:
            ways.pool(relay.port, max_connections=2)
            ways.queue(world.a1, 400)
            done = lambda: ways.states(world.b1) == {"sent": 1}  # noqa: E731
            campaign = asyncio.create_task(ways.work(done, seconds=30))
            while not relay.accepted:
                await asyncio.sleep(0.01)
            ways.queue(world.b1, 1, name="t", stream="transactional")
            times["queued"] = clock.monotonic()
            await asyncio.gather(campaign, ways.work(done, stream="transactional", seconds=30))
            return relay

    relay = asyncio.run(go())
    assert relay.most_open <= 2
    assert times["single"] - times["queued"] < 4


def test_a_providers_connections_are_counted_over_all_workers(ways, world):
    """One for Gmail's recipients, two workers that have such messages: never two at once, and all of them leave."""
    hands = {"now": set(), "most": 0}

    def script(session, verb, line):
        if verb == "RCPT":
            hands["now"].discard(session.number)
            if "gmail.com" in line:
                hands["now"].add(session.number)
                hands["most"] = max(hands["most"], len(hands["now"]))
        if verb == "DOT":
            return [TAKE_TIME, b"250 2.0.0 ok\r\n"]
        if verb == "QUIT":
            hands["now"].discard(session.number)
        return None

    async def go():
        # Without pipelining nothing is said ahead, so that one recipient's end is seen before the next one's begin.
        async with Relay(script=script, extensions=()) as relay:
            _, (route,) = ways.pool(relay.port, max_connections=6)
            ways.act(rates.set_limits, route_id=route, group="google", limits=Limits(connections=1))
            for place in (world.a1, world.a2):
                ways.queue(place, 12, domain="gmail.com", name=f"g{place.id}-")
                ways.queue(place, 30, name=f"o{place.id}-")
            done = lambda: _sent(ways, world.a1, world.a2) == 84  # noqa: E731
            await asyncio.gather(*(ways.work(done, seconds=80) for _ in range(2)))
            return relay

    relay = asyncio.run(go())
    assert len({recipient for recipient, _ in relay.accepted}) == 84
    assert hands["most"] == 1


def test_what_a_killed_worker_held_is_free_within_seconds(ways, world, settings):
    """Long before its term: the kernel lets its lock go, and whoever lives on the same machine sees that."""
    folder = hosts.folder()
    other = subprocess.Popen([sys.executable, "-c", _PRESENT, str(folder)], stdout=subprocess.PIPE, text=True)
    name = f"{hosts.host_name(folder)}:{other.stdout.readline().strip()}#1"

    async def go():
        async with Relay() as relay:
            _, (route,) = ways.pool(relay.port, max_connections=2)
            with transaction(SYSTEM):
                slots.exchange(SYSTEM, route_id=route, worker=name, stream="marketing", wishes={"": Wish(2, 0, 2)})
            ways.queue(world.a1, 20)
            working = asyncio.create_task(ways.work(lambda: ways.states(world.a1) == {"sent": 20}))
            while len(_holders(route)) < 2:
                await asyncio.sleep(0.02)
            assert not relay.sessions
            os.kill(other.pid, signal.SIGKILL)
            killed = clock.monotonic()
            await working
            return relay, clock.monotonic() - killed

    try:
        relay, seconds = asyncio.run(go())
    finally:
        other.kill()
        other.communicate()
    assert len(relay.accepted) == 20
    assert seconds < TERM_SECONDS / 2


def test_a_living_worker_is_not_taken_for_dead(tmp_path):
    """And one that ended well leaves no sign."""
    living, ended = Presence(tmp_path), Presence(tmp_path)
    ended.end()
    with gone(tmp_path) as names:
        assert names == []
    living.end()
