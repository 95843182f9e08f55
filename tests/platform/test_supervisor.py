"""What dies is started again, ever later while it dies young; what does not listen is killed; nobody outlives the supervisor."""

from __future__ import annotations

import sys
import time

import pytest

from posthouse.platform import supervisor
from posthouse.platform.embedded.places import CannotStart
from posthouse.platform.settings import environment
from posthouse.platform.supervisor import Kept, Supervisor

DEAF = "import pathlib, signal, sys, time; signal.signal(15, signal.SIG_IGN); pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"
SHORT = "import pathlib, sys; pathlib.Path(sys.argv[1]).open('a').write('x')"


class Service:
    """An embedded server that can't be started for a while."""

    name = "Redis"

    def __init__(self, failures):
        self.failures, self.running, self.tries = failures, False, []

    def alive(self):
        return self.running

    def revive(self):
        self.tries.append(time.monotonic())
        if len(self.tries) <= self.failures:
            raise CannotStart("no room on the disk")
        self.running = True


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(supervisor, "LOOK_EVERY", 0.01)


def _keep(made, code, *arguments):
    made.kept.append(Kept("test", [sys.executable, "-c", code, *map(str, arguments)]))
    return made.kept[-1]


@pytest.mark.usefixtures("quick")
def test_who_does_not_listen_is_killed_in_time(tmp_path):
    """A process that ignores SIGTERM has its seconds, and no more."""
    made = Supervisor(environment())
    deaf = _keep(made, DEAF, tmp_path / "ready")
    began = []

    def stop():
        if (tmp_path / "ready").exists():
            began.append(time.monotonic())
        return bool(began)

    made.run(stop)
    assert deaf.process.poll() is not None
    assert supervisor.STOP_SECONDS <= time.monotonic() - began[0] < supervisor.STOP_SECONDS + 3


@pytest.mark.usefixtures("quick")
def test_what_dies_young_is_started_ever_later(tmp_path):
    """The pause doubles from one death to the next."""
    made = Supervisor(environment())
    short = _keep(made, SHORT, tmp_path / "lives")
    made.run(lambda: (tmp_path / "lives").exists() and len((tmp_path / "lives").read_text()) >= 3)
    assert short.patience.pause >= 0.4


@pytest.mark.usefixtures("quick")
def test_a_service_that_cannot_start_is_tried_again():
    """Its reason is told each time, the pauses grow, and once it runs it is left alone."""
    service = Service(failures=2)
    made = Supervisor(environment(), services=[service])
    made.run(lambda: service.running)
    first, second, third = service.tries
    assert 0 < second - first < third - second
    made.run(lambda: True)
    assert len(service.tries) == 3
