"""K19: whichever process of a worker is killed, nobody sends on without a master, and work goes on."""

from __future__ import annotations

import signal

import births
import psutil
import pytest
from product import until
from rq import Queue
from rq.serializers import JSONSerializer

from posthouse.platform import shifts
from posthouse.platform.app import house
from posthouse.platform.settings import as_environment, environment


@pytest.fixture
def worker(app, settings, tmp_path):
    given = {**environment(), **as_environment(settings)}
    process = births.start(["worker", "--queue", "marketing"], given, output=tmp_path / "worker.log")
    yield process
    process.kill()
    process.wait()


def _at_work(process):
    """The child that works a shift; one is offered first."""
    shifts.offer("marketing")
    return until(lambda: next((child for child in psutil.Process(process.pid).children() if not _is_over(child)), None))


def _is_over(child):
    """A killed child stays in the table until its parent asks what became of it."""
    try:
        return child.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _ended(child):
    until(lambda: _is_over(child), 10)


def test_the_child_ends_with_its_killed_parent(worker):
    """RQ's own child would work on for up to a minute, with nobody to stop it."""
    child = _at_work(worker)
    worker.kill()
    worker.wait()
    _ended(child)


def test_the_parent_outlives_its_killed_child_and_works_the_next_shift(worker):
    """The shift counts as failed; the next one is worked by another child."""
    child = _at_work(worker)
    child.kill()
    _ended(child)
    assert _at_work(worker).pid != child.pid
    assert worker.poll() is None


def test_a_stop_reaches_the_child_at_once(worker):
    """SIGTERM to the parent ends the shift at work, not only the next one."""
    child = _at_work(worker)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    _ended(child)


def test_a_child_that_was_not_told_of_the_stop_does_not_begin(app, monkeypatch):
    """A signal between the fork and the first line of the shift is not lost."""
    worked = []
    monkeypatch.setattr(shifts, "_stopped", bytearray(b"\x01"))
    monkeypatch.setattr(shifts, "house", lambda: worked.append("begun"))
    before = signal.getsignal(signal.SIGTERM)
    try:
        shifts.work("marketing")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert worked == []


def test_a_shift_leaves_room_for_the_longest_job_that_begins_in_its_last_moment(app, settings):
    """RQ would end it in its midst, again and again, although its room declares that it may last so long."""
    shifts.offer("jobs")
    (asked,) = Queue("jobs", connection=shifts.rq_connection(settings.redis_url), serializer=JSONSerializer).jobs
    longest = max(job.timeout_seconds for job in house().jobs.values() if job.queue == "jobs")
    assert asked.timeout > house().shifts["jobs"].seconds + longest
