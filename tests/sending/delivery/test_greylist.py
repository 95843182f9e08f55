"""A server that wants to be asked again is asked again, in its time, and takes each letter once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from relay import HANG_UP, Relay
from ways import Ways

from posthouse.platform.db import transaction
from posthouse.sending.delivery import retry


@pytest.mark.parametrize(
    "refusal",
    [
        b"451 4.7.1 Greylisted, please try again in 1 seconds\r\n",
        b"450 4.2.0 Recipient address rejected: Greylisted\r\n",
        b"421 4.7.0 Try again later\r\n",
    ],
)
def test_a_server_that_wants_to_be_asked_again_gets_each_letter_once(app, world, monkeypatch, refusal):
    """Greylisting: refused at the first try, remembered, taken later; the history says so and the figure counts it once."""
    monkeypatch.setattr(retry, "GAPS_SECONDS", (0.2,))
    monkeypatch.setattr(retry, "GREYLIST_SECONDS", 0.2)
    monkeypatch.setattr(retry, "HINT_LEAST_SECONDS", 0)
    ways, known = Ways(app, world), set()

    def script(_session, verb, line):
        if verb != "RCPT" or line in known:
            return None
        known.add(line)
        return [refusal, HANG_UP] if refusal.startswith(b"421") else refusal

    async def go():
        async with Relay(script=script) as relay:
            ways.pool(relay.port)
            ways.queue(world.a1, 4)
            await ways.work(lambda: ways.states(world.a1) == {"sent": 4}, seconds=60)
            return Counter(recipient for recipient, _ in relay.accepted)

    assert asyncio.run(go()) == {f"r{n}@x.test": 1 for n in range(1, 5)}
    with transaction(world.a1.scope) as live:
        deferred = "SELECT count(*) FROM message_event WHERE kind = 'deferred'"
        assert live.connection().exec_driver_sql(deferred).scalar_one() == 4
        assert live.connection().exec_driver_sql("SELECT min(attempts), max(attempts) FROM message").one() == (2, 2)
