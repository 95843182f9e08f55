"""What one worker has to send: consignments (leases at work) by pool, handed letter by letter to its connections."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from posthouse.platform import clock, logs
from posthouse.sending.content.cards import Composed, MessageCard, RenderFailed
from posthouse.sending.delivery.claiming import Card, Claimed
from posthouse.sending.delivery.conversation import Letter, Verdict
from posthouse.sending.delivery.gate import too_large
from posthouse.sending.delivery.journal import JournalFailed
from posthouse.sending.delivery.outcomes import COMPOSE
from posthouse.sending.delivery.queues import OPEN, Gate, Lane, Queue, Queues
from posthouse.sending.delivery.records import Mark, Record
from posthouse.sending.delivery.wire import Reply

# A letter that comes back so often without its body having left is put off like a deferred one.
TRIES = 3
LOW_WATER = 250  # fewer messages than this waiting at a desk are news to whoever claims
_MARKS = {Verdict.SENT: Mark.SENT, Verdict.DEFERRED: Mark.DEFERRED, Verdict.REFUSED: Mark.REFUSED}


Soon = Callable[[Callable[[], None]], object]


class Composes(Protocol):
    """What makes a revision's messages; `at_once`: how many of them in one go."""

    @property
    def at_once(self) -> int: ...

    def compose_all(self, cards: Sequence[MessageCard]) -> list[Composed | RenderFailed]:
        """Make messages; one that can't be made gives its failure in its place."""


class Consignment:
    """A lease at work. All its methods run in the loop's thread. `soon` has something done before anything else happens; None: that loop."""

    def __init__(self, claimed: Claimed, composers: Mapping[int, Composes | str], *, work_until: float, soon: Soon | None = None) -> None:
        self.claimed = claimed
        self.work_until = work_until
        self.records: dict[int, Record] = {}
        self.halted: frozenset[int] = frozenset()  # campaigns that must not send now
        self.halted_all = False
        self.done = asyncio.Event()
        self._queues = Queues()
        for card in claimed.cards:
            self._queues.put(card)
        self.waiting = len(claimed.cards)  # how many still wait for a connection
        self._composers = composers
        self._cards = {card.id: card for card in claimed.cards}
        self._tries: dict[int, int] = {}
        self._out = 0
        self._flushing = False
        self._soon = soon

    def waiting_for(self, lane: Lane, gate: Gate = OPEN) -> dict[str, int]:
        """How many wait for a warming route, or (None) for any that is warm, by their mailbox provider."""
        return self._queues.count(lane, gate)

    @property
    def groups(self) -> list[str]:
        """The mailbox providers for whose recipients something waits."""
        return self._queues.groups

    def group_of(self, message_id: int) -> str:
        """Return the mailbox provider of a message's recipient."""
        return self._cards[message_id].group

    def equip(self, composers: Mapping[int, Composes | str]) -> None:
        """Give it what makes its messages; a text instead of a composer says why a revision can't be sent."""
        self._composers = composers

    def release(self, group: str | None = None) -> None:
        """Send no more of it (of one mailbox provider's, where given); what is out comes to its end."""
        self._queues.clear(group)
        self.waiting = self._queues.waiting
        self._look()

    def put_off(self, why: str) -> None:
        """Have all of it wait for another try, as if a server had asked for that: nothing of it can be made now."""
        for card in self.claimed.cards:
            self._note(Mark.DEFERRED, card.id, Reply(0, None, why), COMPOSE)
        self.release()

    def may_go(self, card: Card) -> bool:
        """Whether a body may leave now."""
        return not self.halted_all and (not self.halted or card.campaign_id not in self.halted) and clock.monotonic() < self.work_until

    def pull(self, lane: Lane = None, gate: Gate = OPEN) -> Letter | None:
        """Return the next letter of a lane (see `waiting_for`) that can be made and may go; others get their outcome at once."""
        for queue in self._queues.open_to(lane, gate):
            letter = self._pull(queue, gate)
            if letter is not None:
                self._out += 1
                return letter
        self._look()
        return None

    def _pull(self, queue: Queue, gate: Gate) -> Letter | None:
        if queue.large:
            self._pick_large(queue, gate)
        while queue.made or queue.cards:
            if not queue.made:
                self._make(queue)
                continue
            letter = queue.made.popleft()
            self.waiting -= 1
            if not self.may_go(self._cards[letter.message_id]):
                continue
            if gate.free or gate.fits(letter.size_bytes, self.group_of(letter.message_id)):
                return letter
            self._set_aside(queue, letter, gate)
        return None

    def _pick_large(self, queue: Queue, gate: Gate) -> None:
        """Bring a letter to the front that was too large for another route and fits this one."""
        for letter in queue.large:
            if gate.fits(letter.size_bytes, self.group_of(letter.message_id)):
                queue.large.remove(letter)
                queue.made.appendleft(letter)
                return

    def _set_aside(self, queue: Queue, letter: Letter, gate: Gate) -> None:
        """Keep a letter for a route that takes larger ones, or say that there is none."""
        if gate.fits_nowhere(letter.size_bytes, self.group_of(letter.message_id)):
            self._note(Mark.REFUSED, letter.message_id, too_large(letter.size_bytes), "")
        else:
            queue.large.append(letter)
            self.waiting += 1

    def _make(self, queue: Queue) -> None:
        """Compose the next few of one revision; what was heard doesn't wait for that."""
        self._flush()
        cards: list[Card] = []
        composer = self._composers[queue.cards[0].revision_id]
        most = 1 if isinstance(composer, str) else composer.at_once
        while queue.cards and len(cards) < most and (not cards or queue.cards[0].revision_id == cards[0].revision_id):
            card = queue.cards.popleft()
            if self.may_go(card):
                cards.append(card)
            else:
                self.waiting -= 1
        if not cards:
            return
        now = clock.now()
        if isinstance(composer, str):
            self.waiting -= len(cards)
            for card in cards:
                self._note(Mark.REFUSED, card.id, Reply(0, None, composer), COMPOSE)
            return
        made = composer.compose_all([MessageCard(message_id=c.id, recipient=c.recipient, at=now, fields=c.fields) for c in cards])
        for card, one in zip(cards, made, strict=True):
            if isinstance(one, RenderFailed):
                self.waiting -= 1
                self._note(Mark.REFUSED, card.id, Reply(0, None, one.reason), COMPOSE)
            else:
                queue.made.append(Letter(card.id, one.return_path, one.recipient, one.size, one.data))

    def begin(self, letter: Letter, route_id: int) -> bool:
        """Note the intent; False when the body must stay here."""
        if not self.may_go(self._cards[letter.message_id]):
            return False
        try:
            self.claimed.journal.intend(letter.message_id, route_id)
        except JournalFailed as failure:
            self._not_written(failure)
            return False
        self.records[letter.message_id] = Record(Mark.INTENT, letter.message_id, route_id=route_id)
        return True

    def finish(self, letter: Letter, verdict: Verdict, reply: Reply, stage: str) -> None:
        """Note a final reply."""
        self._note(_MARKS[verdict], letter.message_id, reply, stage)
        self._returned()

    def lose(self, letter: Letter, why: str) -> None:
        """Note that nobody knows."""
        self.records[letter.message_id] = self.records[letter.message_id]._replace(mark=Mark.UNKNOWN, text=why)
        try:
            self.claimed.journal.unknown(letter.message_id, why)
        except JournalFailed as failure:
            self._not_written(failure)
        self._returned()

    def give_back(self, letter: Letter, why: str, *, tried: bool) -> None:
        """Take back what certainly wasn't sent, to try it again on another connection."""
        tries = self._tries[letter.message_id] = self._tries.get(letter.message_id, 0) + tried
        if tries >= TRIES:
            self._note(Mark.DEFERRED, letter.message_id, Reply(0, None, why), "")
        else:
            self.records.pop(letter.message_id, None)
            self._queues.put(self._cards[letter.message_id])
            self.waiting += 1
        self._returned()

    def _note(self, mark: Mark, message_id: int, reply: Reply, stage: str) -> None:
        route = before.route_id if (before := self.records.get(message_id)) else 0
        self.records[message_id] = Record(mark, message_id, reply.code, reply.enhanced, stage, reply.text[:500], route)
        self.claimed.journal.record(mark, message_id, reply, stage)
        if not self._flushing:
            self._flushing = True
            (self._soon or asyncio.get_running_loop().call_soon)(self._flush)

    def _flush(self) -> None:
        """Have written down what was heard, where no intent has taken it along meanwhile."""
        self._flushing = False
        try:
            self.claimed.journal.flush()
        except JournalFailed as failure:
            self._not_written(failure)

    def _not_written(self, failure: JournalFailed) -> None:
        """A reply that can't be journalled is still known here; but nothing more may leave."""
        logs.get().error("journal.failed", lease=self.claimed.lease_id, problem=str(failure))
        self.halted_all = True

    def _returned(self) -> None:
        self._out -= 1
        self._look()

    def _look(self) -> None:
        if self._out == 0 and self.waiting == 0:
            self.done.set()


@dataclass(slots=True)
class Desk:
    """The consignments of one pool, oldest first."""

    consignments: list[Consignment] = field(default_factory=list)
    work: asyncio.Event = field(default_factory=asyncio.Event)
    tell_low: Callable[[], None] = lambda: None

    @property
    def waiting(self) -> int:
        """How many messages wait for a connection."""
        return sum(one.waiting for one in self.consignments)

    def waiting_for(self, lane: Lane, gate: Gate = OPEN) -> dict[str, int]:
        """How many messages wait for a warming route, or (None) for any that is warm, by their mailbox provider."""
        found: Counter[str] = Counter()
        for one in self.consignments:
            found.update(one.waiting_for(lane, gate))
        return found

    def add(self, consignment: Consignment) -> None:
        """Take a consignment to the desk."""
        self.consignments.append(consignment)
        self.work.set()
