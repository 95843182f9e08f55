"""Empty the spool into the mailroom, for ever; the database may be down meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from posthouse.inbound.mailroom.sort import Mailroom, Outcome, is_away
from posthouse.inbound.spool.files import BrokenSpoolFile, Envelope, unpack
from posthouse.inbound.spool.queries import waiting
from posthouse.inbound.spool.services import remove, set_aside
from posthouse.inbound.tally.services import TALLY
from posthouse.platform import logs

BATCH = 2_000  # names read from the spool at once
TOGETHER = 100  # mails in one transaction
TOGETHER_BYTES = 4 * 1024 * 1024
IDLE_SECONDS = 1.0
DATABASE_AWAY_SECONDS = 2.0
ATTEMPTS = 3
"""A mail that fails so often for reasons of its own goes to the unmatched queue, so that it holds nobody up and is not lost."""


@dataclass(slots=True)
class _Together:
    """Mails that are sorted together, with their files."""

    paths: list[Path] = field(default_factory=list)
    mails: list[tuple[Envelope, bytes]] = field(default_factory=list)
    size: int = 0

    def add(self, path: Path, envelope: Envelope, content: bytes) -> None:
        """Add one more."""
        self.paths.append(path)
        self.mails.append((envelope, content))
        self.size += len(content)

    def is_full(self) -> bool:
        """Is it enough for one transaction, and for the memory?"""
        return len(self.mails) >= TOGETHER or self.size >= TOGETHER_BYTES


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
                TALLY.flush()
            except (sa.exc.OperationalError, sa.exc.InterfaceError) as problem:
                logs.get().warning("inbound.database_away", problem=str(problem.orig)[:200])
                stopping.wait(DATABASE_AWAY_SECONDS)
                continue
            except Exception as problem:  # a disk that fails, say: the service goes on, and what waits is kept
                logs.get().error("inbound.intake_failed", exc_info=problem)
                stopping.wait(DATABASE_AWAY_SECONDS)
                continue
            if not done:
                self.rung.wait(IDLE_SECONDS)
                self.rung.clear()
        _write_counts()

    def empty(self, stopping: threading.Event | None = None) -> int:
        """Sort what waits now, oldest first; returns how many files were taken out. Raises: OperationalError when the database is away."""
        done, together = 0, _Together()
        for path in waiting(self.spool, limit=BATCH):
            if stopping is not None and stopping.is_set():
                break
            mail = self._open(path)
            if mail is None:
                done += 1
                continue
            together.add(path, *mail)
            if together.is_full():
                done += self._take_together(together)
                together = _Together()
        return done + self._take_together(together)

    def _open(self, path: Path) -> tuple[Envelope, bytes] | None:
        try:
            return unpack(path.read_bytes())
        except FileNotFoundError:
            return None  # another process had it
        except BrokenSpoolFile as problem:
            logs.get().error("inbound.broken_spool_file", file=path.name, problem=str(problem))
            set_aside(self.spool, path)
            return None

    def _take_together(self, together: _Together) -> int:
        outcomes: Sequence[Outcome | None] = [None]
        if len(together.mails) > 1:
            outcomes = self.mailroom.sort_together(together.mails)
        done = 0
        for path, mail, outcome in zip(together.paths, together.mails, outcomes, strict=False):
            if outcome is None:
                done += self._take(path, *mail)
            else:
                self._taken(path, outcome)
                done += 1
        return done

    def _take(self, path: Path, envelope: Envelope, content: bytes) -> bool:
        try:
            outcome = self.mailroom.sort(envelope, content)
        except Exception as problem:
            if is_away(problem):
                raise
            self._failures[path.name] += 1
            logs.get().error("inbound.sorting_failed", file=path.name, attempt=self._failures[path.name], exc_info=problem)
            if self._failures[path.name] < ATTEMPTS:
                return False
            self.mailroom.give_up(envelope, content)
            outcome = None
        self._taken(path, outcome)
        return True

    def _taken(self, path: Path, outcome: Outcome | None) -> None:
        self._failures.pop(path.name, None)
        remove(path)
        logs.get().info("inbound.sorted", file=path.name, outcome=str(outcome or "given up"))


def _write_counts() -> None:
    try:
        TALLY.flush(now=True)
    except sa.exc.SQLAlchemyError as problem:  # counts are all that is lost
        logs.get().warning("inbound.counts_lost", problem=str(problem)[:200])
