"""Whatever is killed with SIGKILL whenever: no message is lost, none counted twice, and no limit passed."""

import random

import pytest
import sqlalchemy as sa
from killing import CONNECTIONS, QUOTA, Yard

from posthouse.platform.db import session, transaction

ROLES = ["marketing", "marketing", "transactional", "sweeper"]


@pytest.fixture
def yard(app, world, tmp_path, seed):
    made = Yard(app, world, tmp_path, random.Random(seed))
    try:
        made.set_up()
        yield made
    finally:
        made.clear_away()


def _check(yard):
    taken = yard.taken()
    hold, limited, resend = yard.mails
    report = {"kills": yard.kills, "taken": sum(taken.values()), "duplicates": sum(n - 1 for n in taken.values())}
    for mail in (hold, limited):
        states = yard.states(mail)
        assert len(states) == mail.count
        assert set(states.values()) <= {"sent", "unknown", "queued"}
        for recipient, state in states.items():
            copies = taken[recipient]
            # Sent means taken once; unknown may be either; what waits never left.
            assert copies == {"sent": 1, "queued": 0}.get(state, copies) <= 1, (recipient, state, copies)
        report[mail.name] = {state: list(states.values()).count(state) for state in ("sent", "unknown", "queued")}
    states = yard.states(resend)
    assert set(states.values()) == {"sent"}
    assert all(taken[recipient] >= 1 for recipient in states), "lost"
    again = sum(taken[recipient] - 1 for recipient in states)
    assert again <= yard.kills * CONNECTIONS
    report["resend"] = {"sent": len(states), "duplicates": again}
    assert sum(copies for recipient, copies in taken.items() if recipient.startswith("limited")) <= QUOTA
    assert report["limited"]["sent"] + report["limited"]["unknown"] == QUOTA, "the limit is reached and never passed"
    _check_ledger(yard)
    print(report)


def _check_ledger(yard):
    """Windows and entries say the same, and nothing stays reserved."""
    for mail in yard.mails:
        with transaction(mail.scope):
            live = session(mail.scope)
            for layer in ("operator", "reseller", "tenant"):
                window = live.execute(sa.text(f"SELECT sum(used), sum(reserved) FROM {layer}_quota_window WHERE period = 'month'")).one()
                entries = live.execute(sa.text(f"SELECT sum(used), sum(reserved) - sum(used + released) FROM {layer}_quota_entry")).one()
                assert window == entries
                assert window[1] == 0


@pytest.mark.timeout(150)
def test_three_hundred_kills(yard, kills):
    """300 times kill -9 of workers and the sweeper under load, part of every run of the suite."""
    yard.fire(kills or 300, ROLES)
    yard.drain(60)
    _check(yard)


@pytest.mark.faults
@pytest.mark.timeout(3_600)
def test_a_thousand_kills(yard, kills):
    """The same with 1,000 kills, or as many as POSTHOUSE_TEST_KILLS says."""
    yard.fire(kills or 1_000, ROLES)
    yard.drain(120)
    _check(yard)
