"""Jobs whose worker dies come back, at once the first times and then ever later, until they are given up."""

from __future__ import annotations

import signal
import threading
from datetime import timedelta

import sqlalchemy as sa

from posthouse.platform import clock, runner
from posthouse.platform.app import house
from posthouse.platform.db import transaction
from posthouse.platform.jobs import Job, enqueue
from posthouse.platform.scope import system

KIND = "sending.forget_contact"


def _job(scope):
    with transaction(scope) as live:
        return live.execute(sa.text("SELECT state, attempts, run_at, last_error FROM job WHERE kind = :kind"), {"kind": KIND}).one()


def _die(scope):
    """A worker claims the job and is killed; its claim lapses."""
    with clock.frozen(clock.now()) as at:
        assert runner._claim(scope, "jobs", "a worker that is killed") is not None
        at.move(seconds=runner.CLAIM.total_seconds() + 1)
        runner.requeue_lapsed(scope)
        return clock.now()


def test_a_job_that_kills_its_workers_is_not_run_for_ever(world):
    """A death may be a deploy's, so the first ones cost no time; one after the other is the job's own doing."""
    scope = system("test")
    with transaction(world.a1.scope):
        enqueue(world.a1.scope, KIND, contact_id=1, sealed="", look=0)
    assert _job(scope).run_at <= _die(scope)
    waits = []
    while _job(scope).state == "queued":
        row = _job(scope)
        with clock.frozen(max(clock.now(), row.run_at) + timedelta(seconds=1)):
            now = _die(scope)
        waits.append(_job(scope).run_at - now)
        assert len(waits) < 100
    assert waits == sorted(waits[:-1]) + waits[-1:]
    assert max(waits) > timedelta(minutes=5)
    assert _job(scope).state == "failed"
    assert "died" in _job(scope).last_error


def test_a_job_that_lasts_longer_than_it_may_is_ended_and_tried_again(world, monkeypatch):
    """Wherever it is stuck; the alarm of who called it goes on."""

    def hang(_scope, **_args):
        threading.Event().wait(30)

    monkeypatch.setitem(house().jobs, KIND, Job(KIND, hang, timeout_seconds=1))
    with transaction(world.a1.scope):
        enqueue(world.a1.scope, KIND, contact_id=1, sealed="", look=0)
    before = signal.getitimer(signal.ITIMER_REAL)[0]
    assert runner.run_one("jobs")
    assert signal.getitimer(signal.ITIMER_REAL)[0] <= before
    row = _job(system("test"))
    assert (row.state, row.attempts, "longer than 1 seconds" in row.last_error) == ("queued", 1, True)
