"""Hands a desk's letters to one connection, and what became of them back to their consignments."""

from __future__ import annotations

from posthouse.sending.delivery.conversation import Letter, Verdict
from posthouse.sending.delivery.desk import LOW_WATER, Consignment, Desk
from posthouse.sending.delivery.queues import OPEN, Gate, Lane
from posthouse.sending.delivery.wire import Reply

_NOTHING = Reply(0, None, "")


class RouteFeed:
    """Hands a desk's letters to one connection of a route. `preamble`: the route's own header lines, put before each letter."""

    def __init__(self, desk: Desk, route_id: int, *, lane: Lane = None, preamble: bytes = b"", gate: Gate = OPEN) -> None:
        self._desk = desk
        self._route_id = route_id
        self._lane = lane
        self._preamble = preamble
        self._gate = gate
        self._owner: dict[int, Consignment] = {}
        self.finished = 0

    def pull(self) -> Letter | None:
        """Return the next letter of the oldest consignment that has one; None also when the route is to take no more."""
        if not self._gate.may_pull():
            return None
        for consignment in self._desk.consignments:
            letter = consignment.pull(self._lane, self._gate)
            if letter is not None:
                self._owner[letter.message_id] = consignment
                self._gate.took(consignment.group_of(letter.message_id))
                if consignment.waiting < LOW_WATER and self._desk.waiting < LOW_WATER:
                    self._desk.tell_low()
                return self._with_preamble(letter)
        return None

    def _with_preamble(self, letter: Letter) -> Letter:
        """Put the route's headers on top, as trace headers are: the letter's signature doesn't cover them."""
        if not self._preamble:
            return letter
        return letter._replace(data=self._preamble + letter.data, size_bytes=letter.size_bytes + len(self._preamble))

    def begin(self, letter: Letter) -> bool:
        """Pass on; see Consignment."""
        return self._owner[letter.message_id].begin(letter, self._route_id)

    def finish(self, letter: Letter, verdict: Verdict, reply: Reply, stage: str) -> None:
        """Pass on; see Consignment."""
        self.finished += 1
        owner = self._owner.pop(letter.message_id)
        owner.finish(letter, verdict, reply, stage)  # what was heard is written down before anything is made of it
        self._gate.heard(owner.group_of(letter.message_id), verdict, reply)

    def lose(self, letter: Letter, why: str) -> None:
        """Pass on; see Consignment."""
        owner = self._owner.pop(letter.message_id)
        owner.lose(letter, why)
        self._gate.heard(owner.group_of(letter.message_id), Verdict.REFUSED, _NOTHING)

    def give_back(self, letter: Letter, why: str, *, tried: bool) -> None:
        """Pass on, and have an idle connection look again."""
        owner = self._owner.pop(letter.message_id)
        self._gate.gave_back(owner.group_of(letter.message_id))
        owner.give_back(letter, why, tried=tried)
        self._desk.work.set()
