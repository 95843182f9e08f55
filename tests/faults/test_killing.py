"""Whatever is killed with SIGKILL whenever: no message is lost, none counted twice, and no limit passed."""

import random

import pytest
import sqlalchemy as sa
from killing import QUOTA, Yard

from posthouse.platform.db import session, transaction

ROLES = ["marketing", "marketing", "transactional", "scheduler"]
RECOVERY_P99_SECONDS = 5.0


@pytest.fixture
def yard(app, world, tmp_path, seed):
    made = Yard(app, world, tmp_path, random.Random(seed))
    try:
        made.set_up()
        yield made
    finally:
        made.clear_away()


def _check(yard):
    """Return the figures of a run that kept every promise."""
    taken = yard.taken()
    hold, limited, resend = yard.mails
    report = {"kills": dict(yard.kills), "taken": sum(taken.values()), "bound": yard.bound}
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
    report["resend"] = {"sent": len(states), "duplicates": again}
    on_the_wire = again + report["hold"]["unknown"] + report["limited"]["unknown"]
    assert on_the_wire <= yard.bound, "no more than one for each connection that could be open"
    report["per_kill"] = round(on_the_wire / yard.kills.total(), 3)
    assert sum(copies for recipient, copies in taken.items() if recipient.startswith("limited")) <= QUOTA
    assert report["limited"]["sent"] + report["limited"]["unknown"] == QUOTA, "the limit is reached and never passed"
    _check_ledger(yard)
    recovered = yard.recoveries()
    report["recovery_seconds"] = {
        "p50": round(recovered[len(recovered) // 2], 2), "p99": round(recovered[int(len(recovered) * 0.99)], 2), "leases": len(recovered)
    }  # fmt: skip
    return report


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


@pytest.mark.timeout(600)
def test_three_hundred_kills(yard, kills, figures):
    """300 times kill -9 under load of workers, scheduler, Redis, PostgreSQL and the server they send to: part of every run."""
    yard.fire(kills or 300, ROLES)
    yard.drain(90)
    figures(_check(yard))


@pytest.mark.faults
@pytest.mark.timeout(36_000)
def test_a_thousand_kills(yard, kills, minutes, figures):
    """The same with 1,000 kills, or as many as `--kills` says and `--minutes` allows; recovery is fast, and the figures are kept for the report."""
    yard.fire(kills or 1_000, ROLES, minutes=minutes)
    yard.drain(120)
    report = _check(yard)
    figures(report, keep="faults")
    assert report["recovery_seconds"]["p99"] <= RECOVERY_P99_SECONDS
    assert report["per_kill"] <= 1.5
