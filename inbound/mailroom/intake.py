"""Empty the spool into the mailroom, for ever; the database may be down meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from posthouse.inbound.mailroom.sort import Mailroom
from posthouse.inbound.spool.files import BrokenSpoolFile, unpack
from posthouse.inbound.spool.queries import waiting
from posthouse.inbound.spool.services import remove, set_aside
from posthouse.platform import logs

BATCH = 200
IDLE_SECONDS = 1.0
DATABASE_AWAY_SECONDS = 2.0
ATTEMPTS = 3
"""A mail that fails so often for reasons of its own goes to the unmatched queue, so that it holds nobody up and is not lost."""


@dataclass(slots=True)
class Intake:
    """One spool's way into one mailroom. `rung` wakes it; several may work on the same spool."""

    spool: Path
    mailroom: Mailroom
    rung: threading.Event = field(default_factory=threading.Event)
    _failures: Counter[str] = field(default_factory=Counter)

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop."""
        while not stopping.is_set():
            try:
                done = self.empty(stopping)
            except (sa.exc.OperationalError, sa.exc.InterfaceError) as problem:
                logs.get().warning("inbound.database_away", problem=str(problem.orig)[:200])
                stopping.wait(DATABASE_AWAY_SECONDS)
                continue
            if not done:
                self.rung.wait(IDLE_SECONDS)
                self.rung.clear()

    def empty(self, stopping: threading.Event | None = None) -> int:
        """Sort what waits now, oldest first; returns how many files were taken out. Raises: OperationalError when the database is away."""
        done = 0
        for path in waiting(self.spool, limit=BATCH):
            if stopping is not None and stopping.is_set():
                break
            done += self._take(path)
        return done

    def _take(self, path: Path) -> bool:
        try:
            envelope, content = unpack(path.read_bytes())
        except FileNotFoundError:
            return True  # another process had it
        except BrokenSpoolFile as problem:
            logs.get().error("inbound.broken_spool_file", file=path.name, problem=str(problem))
            set_aside(self.spool, path)
            return True
        try:
            outcome = self.mailroom.sort(envelope, content)
        except (sa.exc.OperationalError, sa.exc.InterfaceError):
            raise
        except Exception as problem:
            self._failures[path.name] += 1
            logs.get().error("inbound.sorting_failed", file=path.name, attempt=self._failures[path.name], exc_info=problem)
            if self._failures[path.name] < ATTEMPTS:
                return False
            self.mailroom.give_up(envelope, content)
            outcome = None
        self._failures.pop(path.name, None)
        remove(path)
        logs.get().info("inbound.sorted", file=path.name, outcome=str(outcome or "given up"))
        return True
