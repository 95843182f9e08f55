"""DNS within bounds: answers are kept for a while, a mail has only so long, and a name server that is away is left alone."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from posthouse.platform import clock
from posthouse.sending.domains.dns import Resolver
from posthouse.sending.domains.rules import Answer

KEPT = 4_096
KEPT_SECONDS = 300.0
AWAY_AFTER = 5  # failures on end
AWAY_SECONDS = 60.0
FAILED = Answer(failed=True)


@dataclass(slots=True)
class Lookups:
    """Shared by all mails of a process. `ask` never raises and never takes longer than the resolver's own time limit."""

    resolver: Resolver
    _kept: OrderedDict[tuple[str, str], tuple[float, Answer]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)
    _failures: int = 0
    _away_until: float = 0.0

    def ask(self, name: str, type_: str, until: float) -> Answer:
        """What DNS says of a name; FAILED where the time (of the monotonic clock) is up, or nobody answers."""
        key, now = (name.lower().rstrip("."), type_), clock.monotonic()
        with self._lock:
            known = self._kept.get(key)
            if known is not None and known[0] > now:
                self._kept.move_to_end(key)
                return known[1]
            if now >= until or now < self._away_until:
                return FAILED
        answer = self.resolver.ask(key[0], type_)
        self._note(key, answer)
        return answer

    def _note(self, key: tuple[str, str], answer: Answer) -> None:
        now = clock.monotonic()
        with self._lock:
            self._failures = self._failures + 1 if answer.failed else 0
            if self._failures >= AWAY_AFTER:
                self._away_until, self._failures = now + AWAY_SECONDS, 0
            if answer.failed:
                return
            self._kept[key] = (now + KEPT_SECONDS, answer)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
