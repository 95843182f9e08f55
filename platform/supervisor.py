"""Keeps processes and embedded services alive: starts what is declared, again what dies (with growing pauses), ends all in order."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from posthouse.platform import clock, logs
from posthouse.platform.embedded import server
from posthouse.platform.embedded.places import CannotStart
from posthouse.platform.nursery import Nursery, NurseryGone

STOP_SECONDS = 5.0  # then what still lives is killed
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
SETTLED_SECONDS = 60.0  # what lived so long begins again with the first pause
LOOK_EVERY = 0.2


OURS = (sys.executable, "-m", "posthouse.platform.cli")


class Process(Protocol):
    """A started process, as far as it is kept alive; `subprocess.Popen` is one."""

    pid: int

    def poll(self) -> int | None:
        """Return the exit status, None while it lives."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended. Raises: subprocess.TimeoutExpired."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


class Service(Protocol):
    """An embedded server, as far as it is kept alive."""

    name: str

    def alive(self) -> bool:
        """Say whether it still runs."""

    def revive(self) -> None:
        """Start it again after it died. Raises: CannotStart."""


@dataclass
class _Patience:
    """When something that died may be started again: not too soon after it last died, and ever later while it dies young."""

    pause: float = field(default_factory=lambda: FIRST_PAUSE)
    started: float = 0.0
    start_at: float = 0.0

    def begun(self) -> None:
        self.started = clock.monotonic()

    def died(self) -> None:
        now = clock.monotonic()
        self.pause = FIRST_PAUSE if now - self.started > SETTLED_SECONDS else min(self.pause * 2, LONGEST_PAUSE)
        self.start_at = now + self.pause

    @property
    def due(self) -> bool:
        return clock.monotonic() >= self.start_at


@dataclass
class Kept:
    """One process that is kept alive."""

    name: str
    command: Sequence[str]
    process: Process | None = None
    patience: _Patience = field(default_factory=_Patience)


@dataclass
class Supervisor:
    """Runs `posthouse` commands as child processes with one environment, beside embedded services that are running already.

    What they write goes where the supervisor's own output goes, or, with `logs`, to a file of each one's name in that folder.
    The processes end with the thread that runs it, also when that is killed (on Linux). With a `nursery` they are forked from
    that as long as it lives, which spares each the loading of the house.
    """

    environment: Mapping[str, str]
    logs: Path | None = None
    services: Sequence[Service] = ()
    nursery: Nursery | None = None
    kept: list[Kept] = field(default_factory=list)
    _patience: dict[str, _Patience] = field(default_factory=dict)

    def keep(self, name: str, *arguments: str) -> None:
        """Add a command to the list; it starts with `run`."""
        self.kept.append(Kept(name, [*OURS, *arguments]))

    def run(self, stop: Callable[[], bool]) -> None:
        """Keep all alive until `stop()` says so, then end the processes; the services are left to whoever started them."""
        self._patience = {service.name: _Patience(started=clock.monotonic()) for service in self.services}
        try:
            while not stop():
                for service in self.services:
                    self._revive(service)
                for one in self.kept:
                    self._look_after(one)
                time.sleep(LOOK_EVERY)
        finally:
            self.end()

    def _revive(self, service: Service) -> None:
        """Start a service again; nothing that was accepted is lost, since it was written to its disk before."""
        patience = self._patience[service.name]
        if service.alive() or not patience.due:
            return
        patience.died()
        logs.get().error("service.ended", name=service.name)
        try:
            service.revive()
        except CannotStart as problem:
            logs.get().error("service.not_started", name=service.name, problem=str(problem), again_in=patience.pause)
            return
        patience.begun()
        logs.get().info("service.started", name=service.name)

    def _look_after(self, one: Kept) -> None:
        if one.process is not None:
            status = one.process.poll()
            if status is None:
                return
            one.process = None
            one.patience.died()
            logs.get().warning("process.ended", name=one.name, status=status, again_in=one.patience.pause)
        if one.patience.due:
            with self._output(one) as output:
                one.process = self._born(one, output) or self._launched(one, output)
            one.patience.begun()
            logs.get().info("process.started", name=one.name, pid=one.process.pid)

    def _born(self, one: Kept, output: IO[bytes] | None) -> Process | None:
        if self.nursery is None or tuple(one.command[: len(OURS)]) != OURS:
            return None
        try:
            return self.nursery.bear(one.command[len(OURS) :], self.environment, output)
        except NurseryGone as problem:
            logs.get().warning("nursery.gone", problem=str(problem))
            self.nursery.close()
            self.nursery = None
            return None

    def _launched(self, one: Kept, output: IO[bytes] | None) -> Process:
        # A session of its own: Ctrl-C reaches the supervisor alone, which then ends all in order.
        line = server.launched(one.command, who=None, ends_by=signal.SIGKILL, reach=[])
        return subprocess.Popen(line, env=dict(self.environment), start_new_session=True, stdout=output, stderr=output)  # noqa: S603

    def _output(self, one: Kept) -> AbstractContextManager[IO[bytes] | None]:
        if self.logs is None:
            return nullcontext()
        self.logs.mkdir(parents=True, exist_ok=True)
        return (self.logs / f"{one.name}.log").open("ab")

    def end(self, seconds: float = STOP_SECONDS) -> None:
        """Ask all to stop, and kill what has not stopped in time. May be repeated."""
        living = [(one.name, one.process) for one in self.kept if one.process is not None and one.process.poll() is None]
        for _name, process in living:
            process.terminate()
        deadline = clock.monotonic() + seconds
        for name, process in living:
            try:
                process.wait(max(deadline - clock.monotonic(), 0.01))
            except subprocess.TimeoutExpired:
                logs.get().warning("process.killed", name=name)
                process.kill()
                process.wait()
