"""K21 at each step: the database ends every connection in the middle of it, as a restart does, and each message still leaves once."""

from __future__ import annotations

import functools
import inspect
import random
from collections import Counter

import psycopg
import pytest
from killing import Yard
from product import until
from services import services

from posthouse.sending.delivery import claiming, journal, keeping, lane, retry, settlement
from posthouse.sending.delivery.journal import Journal
from posthouse.sending.rates import slots

MESSAGES = 3
END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'posthouse_%'"
STEPS = {
    "before the claim": (lane, "claim", False),
    "rows locked, before the quota": (claiming, "reserve", False),
    "quota reserved, before the COMMIT": (journal, "create", True),
    "claimed": (lane, "claim", True),
    "before connections are asked for": (keeping, "exchange", False),
    "connections granted, before the COMMIT": (slots, "exchange", True),
    "connections granted": (keeping, "exchange", True),
    "an intent written": (Journal, "intend", True),
    "a reply written": (Journal, "record", True),
    "before the settlement": (lane, "settle", False),
    "in the settlement": (settlement.quotas, "settle", False),
    "settled, before the COMMIT": (settlement.quotas, "settle", True),
    "before the journal is removed": (Journal, "remove", False),
}


@pytest.fixture
def yard(app, world, tmp_path, monkeypatch):
    monkeypatch.setattr(retry, "GAPS_SECONDS", (0.2,))
    made = Yard(app, world, tmp_path, random.Random(1), slow_seconds=0.001)
    try:
        made.set_up()
        yield made
    finally:
        made.clear_away()


def _cut_off(owner, name, after):
    """End all connections once, before or after the step; for forked children."""
    whole, done = getattr(owner, name), []

    def end():
        if not done:
            done.append(name)
            with psycopg.connect(services().admin_url, autocommit=True) as live:
                live.execute(END_ALL)

    @functools.wraps(whole)
    def plain(*args, **kwargs):
        if not after:
            end()
        result = whole(*args, **kwargs)
        if after:
            end()
        return result

    assert not inspect.iscoroutinefunction(whole)
    setattr(owner, name, plain)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("step", list(STEPS))
@pytest.mark.parametrize("stream", ["marketing", "transactional"])
def test_the_database_goes_in_the_middle_of_a_step(yard, stream, step):
    """No worker died, so nothing is unknown: what was taken is sent, what was not goes again, and nothing stays reserved."""
    mail = next(one for one in yard.mails if one.stream == stream)
    yard.add(mail, MESSAGES)
    yard.start(stream, lambda: _cut_off(*STEPS[step]))
    yard.start("scheduler")
    until(lambda: _quiet(yard, mail), 60)
    assert Counter(yard.states(mail).values()) == {"sent": MESSAGES}
    assert sorted(yard.taken().values()) == [1] * MESSAGES


def _quiet(yard, mail):
    """Whether all is settled; the question itself may have its connection ended."""
    try:
        return yard.open(mail) == 0 and not yard.leased()
    except Exception:
        yard._forget_connections()
        return False
