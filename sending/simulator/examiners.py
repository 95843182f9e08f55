"""Examine accepted letters in processes of their own, off the SMTP path, through a queue that can be waited for."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from posthouse.sending.simulator.cards import Letter, Place, Reading
from posthouse.sending.simulator.keys import KeyFinder
from posthouse.sending.simulator.reading import read_letter
from posthouse.sending.simulator.spool import read

#: Letters handed to a process at once: enough to hide the hand-over, few enough that reactions start soon.
BATCH = 16


@dataclass(frozen=True, slots=True)
class _Task:
    path: Path
    place: Place


class Examiners:
    """A pool of processes that read and verify letters; ``done`` gets each letter's reading in the event loop."""

    def __init__(self, *, processes: int, resolver: tuple[str, int] | None, done: Callable[[Letter, Reading], None]) -> None:
        self._done = done
        self._waiting: list[tuple[Letter, Path]] = []
        self._resolver = resolver
        self._busy: set[asyncio.Task[None]] = set()
        self._slots = processes
        self._pool = _pool(processes)
        self.outstanding = 0

    def add(self, letter: Letter, path: Path) -> None:
        """Queue a letter."""
        self.outstanding += 1
        self._waiting.append((letter, path))
        self._start()

    async def close(self) -> None:
        """Finish what is being examined and end the processes; what still waits is given up."""
        self._waiting.clear()
        await asyncio.gather(*self._busy, return_exceptions=True)
        self._pool.shutdown(cancel_futures=True)

    def _start(self) -> None:
        while self._waiting and len(self._busy) < self._slots:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            task = asyncio.create_task(self._run(batch))
            self._busy.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        self._start()

    async def _run(self, batch: list[tuple[Letter, Path]]) -> None:
        tasks = [_Task(path, letter.place) for letter, path in batch]
        loop = asyncio.get_running_loop()
        try:
            readings = await loop.run_in_executor(self._pool, partial(_examine, tasks, self._resolver))
        except BrokenProcessPool:
            readings = [_unread("the examining process died")] * len(batch)
            self._pool = _pool(self._slots)
        for (letter, _path), reading in zip(batch, readings, strict=True):
            self.outstanding -= 1
            self._done(letter, reading)


_finders: dict[tuple[str, int], KeyFinder] = {}


def _examine(tasks: list[_Task], resolver: tuple[str, int] | None) -> list[Reading]:
    """Runs in the process; the key finder lives as long as it does, so that a key is asked for once."""
    finder = None if resolver is None else _finders.setdefault(resolver, KeyFinder(resolver))
    return [_examine_one(task, finder) for task in tasks]


def _examine_one(task: _Task, finder: KeyFinder | None) -> Reading:
    try:
        return read_letter(read(task.path, task.place), finder)
    except (ValueError, LookupError, AttributeError, TypeError, AssertionError) as fault:
        # The standard library's mail parser raises all of these on some broken letters; one must not hold up the rest.
        return _unread(f"unreadable: {fault!r}")


def _unread(reason: str) -> Reading:
    return Reading(message_id="", sender_domain="", sender="", subject="", dkim="fail", dkim_reason=reason)


def _pool(processes: int) -> ProcessPoolExecutor:
    """Processes are not forked: the parent runs an event loop with open sockets."""
    return ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))
