"""Empty the spool into the mailroom, for ever; the database may be down meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from posthouse.inbound.mailroom.sort import Mailroom, Outcome, is_away
from posthouse.inbound.spool.files import BrokenSpoolFile, Envelope, unpack_all
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


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the spool a mail is: a file, and the mail's number in it."""

    path: Path
    number: int

    def __str__(self) -> str:
        return f"{self.path.name}#{self.number}"


@dataclass(slots=True)
class _Together:
    """Mails that are sorted together, with their places."""

    places: list[_Place] = field(default_factory=list)
    mails: list[tuple[Envelope, bytes]] = field(default_factory=list)
    size: int = 0

    def add(self, place: _Place, envelope: Envelope, content: bytes) -> None:
        """Add one more."""
        self.places.append(place)
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
    _failures: Counter[_Place] = field(default_factory=Counter)
    _left: dict[Path, set[int]] = field(default_factory=dict)
    """Which mails of a file are not taken yet. After a crash it is forgotten and all are sorted again, which changes nothing."""

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
        """Sort what waits now, oldest first; returns how many mails were taken out. Raises: OperationalError when the database is away."""
        done, together = 0, _Together()
        for path in waiting(self.spool, limit=BATCH):
            if stopping is not None and stopping.is_set():
                break
            mails = self._open(path)
            done += not mails
            for place, mail in mails:
                together.add(place, *mail)
                if together.is_full():
                    done += self._take_together(together)
                    together = _Together()
        return done + self._take_together(together)

    def _open(self, path: Path) -> list[tuple[_Place, tuple[Envelope, bytes]]]:
        try:
            mails = unpack_all(path.read_bytes())
        except FileNotFoundError:
            self._left.pop(path, None)
            return []  # another process had it
        except BrokenSpoolFile as problem:
            logs.get().error("inbound.broken_spool_file", file=path.name, problem=str(problem))
            set_aside(self.spool, path)
            return []
        left = self._left.setdefault(path, set(range(len(mails))))
        return [(_Place(path, number), mail) for number, mail in enumerate(mails) if number in left]

    def _take_together(self, together: _Together) -> int:
        outcomes: Sequence[Outcome | None] = [None]
        if len(together.mails) > 1:
            outcomes = self.mailroom.sort_together(together.mails)
        done = 0
        for place, mail, outcome in zip(together.places, together.mails, outcomes, strict=False):
            if outcome is None:
                done += self._take(place, *mail)
            else:
                self._taken(place, outcome)
                done += 1
        return done

    def _take(self, place: _Place, envelope: Envelope, content: bytes) -> bool:
        try:
            outcome = self.mailroom.sort(envelope, content)
        except Exception as problem:
            if is_away(problem):
                raise
            self._failures[place] += 1
            logs.get().error("inbound.sorting_failed", file=str(place), attempt=self._failures[place], exc_info=problem)
            if self._failures[place] < ATTEMPTS:
                return False
            self.mailroom.give_up(envelope, content)
            outcome = None
        self._taken(place, outcome)
        return True

    def _taken(self, place: _Place, outcome: Outcome | None) -> None:
        self._failures.pop(place, None)
        left = self._left[place.path]
        left.discard(place.number)
        if not left:
            remove(place.path)
            del self._left[place.path]
        logs.get().info("inbound.sorted", file=str(place), outcome=str(outcome or "given up"))


def _write_counts() -> None:
    try:
        TALLY.flush(now=True)
    except sa.exc.SQLAlchemyError as problem:  # counts are all that is lost
        logs.get().warning("inbound.counts_lost", problem=str(problem)[:200])
