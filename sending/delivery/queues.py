"""What waits of one lease, sorted by who may send it and by whose recipients it is for; counting it costs nothing per message."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from posthouse.sending.delivery.claiming import Card
from posthouse.sending.delivery.conversation import Letter, Verdict
from posthouse.sending.delivery.wire import Reply

Lane = int | None  # the warming route that alone may send it; None: any route that is warm


class Gate(Protocol):
    """What a connection may take of what waits."""

    @property
    def free(self) -> bool:
        """Whether nothing is limited just now, so that nothing need be asked or noted for each letter."""

    def may_pull(self) -> bool:
        """Whether it may take anything at all."""

    def may_take(self, group: str) -> bool:
        """Whether it may take a letter for a provider's recipients."""

    def fits(self, size_bytes: int, group: str) -> bool:
        """Whether it may take a letter of this size for a provider's recipients."""

    def fits_nowhere(self, size_bytes: int, group: str) -> bool:
        """Whether a letter of this size may leave by no route at all."""

    def took(self, group: str) -> None:
        """Note that it has a letter in hand."""

    def gave_back(self, group: str) -> None:
        """Note that a letter in hand wasn't sent."""

    def heard(self, group: str, verdict: Verdict, reply: Reply) -> None:
        """Note what became of a letter in hand."""


class Open:
    """A gate that is always open."""

    free = True

    def may_pull(self) -> bool:
        """Say yes."""
        return True

    def may_take(self, _group: str) -> bool:
        """Say yes."""
        return True

    def fits(self, _size_bytes: int, _group: str) -> bool:
        """Say yes."""
        return True

    def fits_nowhere(self, _size_bytes: int, _group: str) -> bool:
        """Say no."""
        return False

    def took(self, group: str) -> None:
        """Note nothing."""

    def gave_back(self, group: str) -> None:
        """Note nothing."""

    def heard(self, group: str, verdict: Verdict, reply: Reply) -> None:
        """Note nothing."""


OPEN = Open()


@dataclass(slots=True)
class Queue:
    """What waits for one lane and provider; `large`: made, and too large for the route that had it in hand."""

    cards: deque[Card] = field(default_factory=deque)
    made: deque[Letter] = field(default_factory=deque)
    large: deque[Letter] = field(default_factory=deque)

    @property
    def waiting(self) -> int:
        """How many wait for any route of the lane."""
        return len(self.cards) + len(self.made)


_NONE: dict[str, Queue] = {}


@dataclass(slots=True)
class Queues:
    """All queues of a lease."""

    by_lane: dict[Lane, dict[str, Queue]] = field(default_factory=dict)

    def put(self, card: Card) -> None:
        """Have a card wait."""
        lane = self.by_lane.setdefault(card.route_id, {})
        queue = lane.get(card.group)
        if queue is None:
            queue = lane[card.group] = Queue()
        queue.cards.append(card)

    def open_to(self, lane: Lane, gate: Gate) -> Iterator[Queue]:
        """Give the queues with something in them that a connection may take from."""
        for group, queue in self.by_lane.get(lane, _NONE).items():
            if (queue.cards or queue.made or queue.large) and (gate.free or gate.may_take(group)):
                yield queue

    @property
    def waiting(self) -> int:
        """How many wait, all together."""
        return sum(queue.waiting + len(queue.large) for lane in self.by_lane.values() for queue in lane.values())

    @property
    def groups(self) -> list[str]:
        """The providers for whose recipients something waits."""
        return sorted({group for lane in self.by_lane.values() for group, queue in lane.items() if queue.waiting or queue.large})

    def count(self, lane: Lane, gate: Gate) -> dict[str, int]:
        """Say how many wait in a lane by provider, as far as their size lets them leave by that gate."""
        found = {}
        for group, queue in self.by_lane.get(lane, {}).items():
            large = sum(gate.fits(letter.size_bytes, group) for letter in queue.large) if queue.large else 0
            if queue.waiting + large:
                found[group] = queue.waiting + large
        return found

    def clear(self, group: str | None = None) -> None:
        """Forget what waits, of one provider or all of it."""
        if group is None:
            self.by_lane.clear()
            return
        for lane in self.by_lane.values():
            lane.pop(group, None)
