"""Keeps processes alive: starts a declared list, starts again what dies (with growing pauses), stops all in order."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from posthouse.platform import clock, logs

STOP_SECONDS = 5.0  # then what still lives is killed; the embedded services need the rest of ten seconds
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
SETTLED_SECONDS = 60.0  # a process that lived so long begins again with the first pause
LOOK_EVERY = 0.2


@dataclass
class Kept:
    """One process that is kept alive."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    pause: float = FIRST_PAUSE
    started: float = 0.0
    start_at: float = 0.0


@dataclass
class Supervisor:
    """Runs `posthouse` commands as child processes with one environment.

    What they write goes where the supervisor's own output goes, or, with `logs`, to a file of each one's name in that folder.
    """

    environment: Mapping[str, str]
    logs: Path | None = None
    kept: list[Kept] = field(default_factory=list)

    def keep(self, name: str, *arguments: str) -> None:
        """Add a command to the list; it starts with `run`."""
        self.kept.append(Kept(name, [sys.executable, "-m", "posthouse.platform.cli", *arguments]))

    def run(self, stop: Callable[[], bool]) -> None:
        """Keep all alive until `stop()` says so, then end them."""
        try:
            while not stop():
                for one in self.kept:
                    self._look_after(one)
                time.sleep(LOOK_EVERY)
        finally:
            self.end()

    def _look_after(self, one: Kept) -> None:
        now = clock.monotonic()
        if one.process is not None:
            status = one.process.poll()
            if status is None:
                return
            lived = now - one.started
            one.pause = FIRST_PAUSE if lived > SETTLED_SECONDS else min(one.pause * 2, LONGEST_PAUSE)
            one.process, one.start_at = None, now + one.pause
            logs.get().warning("process.ended", name=one.name, status=status, lived_seconds=round(lived, 1), again_in=one.pause)
        if now >= one.start_at:
            # A session of its own: Ctrl-C reaches the supervisor alone, which then ends all in order.
            with self._output(one) as output:
                one.process = subprocess.Popen(  # noqa: S603
                    one.command, env=dict(self.environment), start_new_session=True, stdout=output, stderr=output
                )
            one.started = now
            logs.get().info("process.started", name=one.name, pid=one.process.pid)

    def _output(self, one: Kept) -> AbstractContextManager[IO[bytes] | None]:
        if self.logs is None:
            return nullcontext()
        self.logs.mkdir(parents=True, exist_ok=True)
        return (self.logs / f"{one.name}.log").open("ab")

    def end(self) -> None:
        """Ask all to stop, and kill what has not stopped in time. May be repeated."""
        living = [one for one in self.kept if one.process is not None and one.process.poll() is None]
        for one in living:
            if one.process is not None:
                one.process.terminate()
        deadline = clock.monotonic() + STOP_SECONDS
        for one in living:
            if one.process is None:
                continue
            try:
                one.process.wait(max(deadline - clock.monotonic(), 0.01))
            except subprocess.TimeoutExpired:
                logs.get().warning("process.killed", name=one.name)
                one.process.kill()
                one.process.wait()
