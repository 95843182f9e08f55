"""A worker and a scheduler outlast a Redis or a database that restarts, at their start and at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import psycopg
import pytest
from killing import make_commits_last
from product import until
from services import services

from posthouse.platform import shifts
from posthouse.platform.settings import as_environment, environment


class Process:
    """One of our processes and what it says."""

    def __init__(self, settings, log, *command):
        self.log = log
        with log.open("wb") as out:
            self.itself = subprocess.Popen(
                [sys.executable, "-m", "posthouse.platform.cli", *command],
                env={**environment(), **as_environment(settings)},
                stdout=out,
                stderr=out,
            )

    def says(self, word):
        """Wait for a word of its log; it must not end meanwhile."""
        assert until(lambda: word in self.log.read_text() or self.itself.poll() is not None, 60)
        assert self.itself.poll() is None, self.log.read_text()

    def child(self):
        """The child that works a shift; shifts are offered until there is one."""

        def look():
            if not shifts.Queue("jobs", connection=shifts.rq_connection(services().redis_url), serializer=shifts.JSONSerializer).count:
                shifts.offer("jobs")
            return next((one for one in psutil.Process(self.itself.pid).children() if one.status() != psutil.STATUS_ZOMBIE), None)

        return until(look, 60)

    def stop(self):
        """Ask it to stop; returns its exit status."""
        self.itself.send_signal(signal.SIGTERM)
        return self.itself.wait(30)


@pytest.fixture
def start(app, settings, tmp_path):
    started = []

    def begin(*command):
        started.append(Process(settings, tmp_path / "process.log", *command))
        return started[-1]

    yield begin
    for one in started:
        one.itself.kill()
        one.itself.wait()


@pytest.fixture
def gone():
    """Kill a server the hard way; it is started again when that is called, at the latest after the test."""
    dead = []

    def kill(server):
        os.kill(server.pid, signal.SIGKILL)
        dead.append(server)

        def revive():
            dead.remove(server)
            server.revive()

        return revive

    yield kill
    for server in dead:
        server.revive()


@pytest.mark.timeout(180)
def test_a_worker_outlasts_redis_at_its_start_and_at_work(start, gone):
    """It waits for Redis at its start; at work it misses it when its child ends, and works on when Redis is there again."""
    back = gone(services().redis_server)
    worker = start("worker", "--queue", "jobs")
    worker.says("shifts.worker_again")
    back()
    child = worker.child()
    back = gone(services().redis_server)
    said = worker.log.read_text().count("shifts.worker_again")
    child.kill()
    until(lambda: worker.log.read_text().count("shifts.worker_again") > said, 60)
    back()
    assert worker.child().pid != child.pid
    assert worker.stop() == 0


@pytest.mark.timeout(120)
def test_a_scheduler_outlasts_the_database_at_its_start(app, start, gone):
    """It says what it waits for, and begins when the database is there."""
    make_commits_last(app)
    back = gone(services().database_server)
    scheduler = start("scheduler")
    scheduler.says("scheduler.database_away")
    back()
    url = app.extensions["posthouse_settings"].database_url
    with psycopg.connect(url) as live:
        until(lambda: live.execute("SELECT count(*) FROM periodic_job").fetchone()[0], 30)
    assert scheduler.stop() == 0
