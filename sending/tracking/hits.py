"""Opens and clicks between the request and the database: gathered in the process, written in groups."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

# More of one message's visits than these in one group are a flood: they are dropped before they cost anything (A7).
MAX_PER_MESSAGE = 100
# Room for the time in which the database is down; beyond it the oldest go, and are counted.
MAX_WAITING = 200_000
GROUP = 2_000


@dataclass(frozen=True, slots=True)
class Hit:
    """One visit to an address in a message. `machine` is the rule by which it is a machine's, empty for a person's."""

    tenant_id: int
    message_id: int
    kind: str
    at: datetime
    revision_id: int | None = None
    link: int | None = None
    machine: str = ""


class Buffer:
    """Gathers hits from many threads; `flush` writes them by groups and keeps what could not be written."""

    def __init__(self, write: Callable[[Sequence[Hit]], None]) -> None:
        self._write = write
        self._waiting: deque[Hit] = deque()
        self._lock = Lock()
        self._flushing = Lock()
        self.dropped = 0

    def add(self, hit: Hit) -> None:
        """Take one hit; returns at once."""
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(hit)

    def __len__(self) -> int:
        return len(self._waiting)

    def flush(self) -> int:
        """Write what waits; returns how many were written. What `write` raises goes to the caller, and nothing is lost by it."""
        written = 0
        with self._flushing:
            while group := self._take():
                try:
                    self._write(_without_floods(group))
                except BaseException:
                    with self._lock:
                        self._waiting.extendleft(reversed(group))
                    raise
                written += len(group)
        return written

    def _take(self) -> list[Hit]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]


def _without_floods(group: Sequence[Hit]) -> list[Hit]:
    seen: Counter[tuple[int, int, str]] = Counter()
    kept = []
    for hit in group:
        key = (hit.tenant_id, hit.message_id, hit.kind)
        seen[key] += 1
        if seen[key] <= MAX_PER_MESSAGE:
            kept.append(hit)
    return kept
