"""What servers answered by one route, counted between two notes of its worker: how often, and in which words they put off or refused."""

from __future__ import annotations

from dataclasses import dataclass, field

from posthouse.sending.delivery.conversation import Verdict
from posthouse.sending.delivery.wire import Reply
from posthouse.sending.pools.rules import masked, shape

# A server that says something else each time fills nobody's memory.
MOST_WORDS = 50


@dataclass(slots=True)
class Said:
    """One wording: its last text without anybody's address, and how often it came."""

    text: str
    count: int = 0


Counts = tuple[int, int, int, int]
Words = dict[tuple[str, int, str], Said]
Taken = tuple[Counts, Words]


@dataclass(slots=True)
class Tally:
    """Counts of answers since the worker began, and wordings since the last note. `lost`: the connection broke before the answer."""

    sent: int = 0
    deferred: int = 0
    refused: int = 0
    lost: int = 0
    words: Words = field(default_factory=dict)
    noted: Counts = (0, 0, 0, 0)

    def note(self, group: str, verdict: Verdict, reply: Reply) -> None:
        """Count one answer."""
        if verdict is Verdict.SENT:
            self.sent += 1
            return
        if not reply.code:
            self.lost += 1
            return
        if verdict is Verdict.DEFERRED:
            self.deferred += 1
        else:
            self.refused += 1
        self._keep(group, reply)

    def _keep(self, group: str, reply: Reply) -> None:
        text = masked(f"{reply.enhanced} {reply.text}" if reply.enhanced else reply.text)
        key = group, reply.code, shape(text)
        said = self.words.get(key)
        if said is None:
            if len(self.words) >= MOST_WORDS:
                return
            said = self.words[key] = Said(text)
        said.text, said.count = text, said.count + 1

    def take(self) -> Taken:
        """Return what came since it was last taken: sent, deferred, refused, lost; and the wordings."""
        now = self.sent, self.deferred, self.refused, self.lost
        before, self.noted = self.noted, now
        words, self.words = self.words, {}
        return (now[0] - before[0], now[1] - before[1], now[2] - before[2], now[3] - before[3]), words

    def give_back(self, counts: Counts, words: Words) -> None:
        """Have what was taken and could not be written come with the next note."""
        sent, deferred, refused, lost = (noted - count for noted, count in zip(self.noted, counts, strict=True))
        self.noted = sent, deferred, refused, lost
        for key, said in words.items():
            known = self.words.setdefault(key, Said(said.text))
            known.count += said.count
