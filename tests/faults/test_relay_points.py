"""K22: the relay cuts or answers oddly at each stage of the dialogue; unknown only where a body left and no answer came."""

import asyncio
from collections import Counter

import pytest
from relay import HANG_UP, TAKE_TIME, Relay
from ways import Ways

from posthouse.sending.delivery import retry
from posthouse.sending.delivery import ways as ways_of

MESSAGES = 6
ONCE = {"sent": MESSAGES}
ONE_UNKNOWN = {"sent": MESSAGES - 1, "unknown": 1}
POINTS = {
    "cut at the greeting": ("CONNECT", HANG_UP, ONCE),
    "cut at EHLO": ("EHLO", HANG_UP, ONCE),
    "cut at MAIL": ("MAIL", HANG_UP, ONCE),
    "cut at RCPT": ("RCPT", HANG_UP, ONCE),
    "cut at DATA": ("DATA", HANG_UP, ONCE),
    "cut at the dot": ("DOT", HANG_UP, ONE_UNKNOWN),
    "cut in the reply to the dot": ("DOT", [b"250 2.0", HANG_UP], ONE_UNKNOWN),
    "cut after 250": ("DOT", [b"250 2.0.0 taken\r\n", HANG_UP], ONCE),
    "cut at QUIT": ("QUIT", HANG_UP, ONCE),
    "421 at MAIL": ("MAIL", [b"421 4.3.2 closing\r\n", HANG_UP], ONCE),
    "421 at RCPT": ("RCPT", [b"421 4.7.0 too many\r\n", HANG_UP], ONCE),
    "421 at the dot": ("DOT", [b"421 4.3.2 closing\r\n", HANG_UP], ONCE),
    "4xx at the dot": ("DOT", b"451 4.3.0 later\r\n", ONCE),
    "reply torn in two": ("DOT", [b"250 2.0", TAKE_TIME, b".0 taken\r\n"], ONCE),
    "two replies at once": ("DOT", b"250 2.0.0 taken\r\n250 2.0.0 taken\r\n", ONCE),
}


@pytest.mark.timeout(100)
@pytest.mark.parametrize("point", list(POINTS))
def test_k22_the_relay_fails_once(app, world, monkeypatch, point):
    """Every message has its one outcome, those that nobody knows are as many as bodies without an answer, and none arrives twice."""
    monkeypatch.setattr(retry, "GAPS_SECONDS", (0.2,))
    monkeypatch.setattr(ways_of, "route_pause_seconds", lambda _failures: 0.2)
    stage, answer, expected = POINTS[point]
    misbehaved = []

    def script(_session, verb, _line):
        if verb != stage or misbehaved:
            return None
        misbehaved.append(verb)
        return answer

    async def go():
        async with Relay(script=script) as relay:
            ways.pool(relay.port)
            ways.queue(world.a1, MESSAGES)
            await ways.work(lambda: ways.states(world.a1) == expected, seconds=60)
            return relay

    ways = Ways(app, world)
    relay = asyncio.run(go())
    assert misbehaved == [stage]
    assert set(Counter(recipient for recipient, _ in relay.accepted).values()) == {1}
    # The scripted relay does not note a message whose 250 it gave in parts.
    in_parts = point in {"cut after 250", "reply torn in two"}
    assert len(relay.accepted) == expected["sent"] - in_parts
