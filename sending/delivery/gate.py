"""The gate of one connection of a way: which letters it may take, and what they teach about the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from posthouse.sending.delivery.conversation import Verdict
from posthouse.sending.delivery.ways import Way
from posthouse.sending.delivery.wire import Reply
from posthouse.sending.rates.rules import NONE, WHOLE

FITS_NOWHERE = "no way out takes one so large"


def too_large(size_bytes: int) -> Reply:
    """Return what is said to a letter that no way out takes (RFC 3463 section 3.4: X.3.4, message too big for system)."""
    return Reply(552, "5.3.4", f"The message has {size_bytes:,} bytes: {FITS_NOWHERE}.")


class Connection:
    """The gate of one connection of a way."""

    def __init__(self, way: Way, others: Iterable[Way]) -> None:
        self._way = way
        self._others = others
        self._in_hand: Counter[str] = Counter()
        self._carried: Counter[str] = Counter()

    def anew(self) -> None:
        """Begin to count anew: the connection was opened again."""
        self._carried.clear()

    @property
    def free(self) -> bool:
        """Whether nothing is limited just now."""
        return self._way.free

    def may_pull(self) -> bool:
        """Whether it may take anything at all."""
        way = self._way
        if way.gone or not way.open or way.crowded:
            return False
        meter = way.meters.get(WHOLE)
        if meter is None or meter.ready:
            return True
        way.ask(WHOLE, meter.limits.lot)
        return False

    def may_take(self, group: str) -> bool:
        """Whether it may take a letter for a provider's recipients."""
        way = self._way
        backoff = way.backoffs.get(group)
        if backoff is not None and not backoff.may_take:
            return False
        limits = way.limits.get(group)
        if limits is None or not group:
            return True
        if limits.messages_per_connection is not None and self._carried[group] >= limits.messages_per_connection:
            return False
        if limits.connections is not None and way.too_many(group, in_hand=self._in_hand[group] > 0):
            way.ask_slots(group)
            return False
        meter = way.meters.get(group)
        if meter is None or meter.ready:
            return True
        way.ask(group, limits.lot)
        return False

    def spent(self, waiting: Mapping[str, int]) -> bool:
        """Whether another connection could take what this one may carry no more of."""
        limits = [(group, self._way.limits.get(group, NONE).messages_per_connection) for group in waiting]
        return bool(limits) and all(most is not None and self._carried[group] >= most for group, most in limits)

    def fits(self, size_bytes: int, group: str) -> bool:
        """Whether it may take a letter of this size for a provider's recipients."""
        return _fits(self._way, size_bytes, group)

    def fits_nowhere(self, size_bytes: int, group: str) -> bool:
        """Whether a letter of this size may leave by no route at all."""
        return not any(_fits(way, size_bytes, group) for way in self._others)

    def took(self, group: str) -> None:
        """Note that it has a letter in hand."""
        way = self._way
        if way.free:
            return
        if (backoff := way.backoffs.get(group)) is not None and backoff.failures:
            backoff.probe_out = True
        for key in (WHOLE, group):
            if (meter := way.meters.get(key)) is not None:
                meter.take()
        if group in way.limits:
            self._carried[group] += 1
            self._in_hand[group] += 1
            way.users[group] += self._in_hand[group] == 1

    def gave_back(self, group: str) -> None:
        """Note that a letter in hand wasn't sent."""
        way = self._way
        self._left(group)
        if (backoff := way.backoffs.get(group)) is not None:
            backoff.probe_out = False
        for key in (WHOLE, group):
            if (meter := way.meters.get(key)) is not None:
                meter.give_back()

    def heard(self, group: str, verdict: Verdict, reply: Reply) -> None:
        """Note what became of a letter in hand."""
        self._left(group)
        self._way.hear(group, verdict, reply)

    def _left(self, group: str) -> None:
        if self._in_hand[group]:
            self._in_hand[group] -= 1
            self._way.users[group] -= self._in_hand[group] == 0


def _fits(way: Way, size_bytes: int, group: str) -> bool:
    most = min((of.most_bytes for of in (way.limits.get(WHOLE), way.limits.get(group)) if of and of.most_bytes), default=None)
    return most is None or size_bytes + len(way.login.card.preamble) <= most
