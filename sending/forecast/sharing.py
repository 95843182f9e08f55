"""How what a pool carries in a stretch of time is shared among tenants and routes; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

NOTHING = 1e-6  # of a message


@dataclass(slots=True)
class Party:
    """A tenant with mail: what waits for each group of recipients, and what it may send at most in this stretch."""

    weight: float
    waiting: dict[str, float]
    room: float = math.inf

    @property
    def left(self) -> float:
        """What waits in all."""
        return sum(self.waiting.values())

    def mixture(self, groups: Iterable[str]) -> dict[str, float]:
        """Which part of its weight goes to each of some groups, by what waits for them; empty where nothing does."""
        some = {group: count for group in groups if (count := self.waiting[group]) > NOTHING}
        total = sum(some.values())
        return {group: self.weight * count / total for group, count in some.items()}

    def send(self, counts: Mapping[str, float]) -> None:
        """Have so many leave."""
        for group, count in counts.items():
            self.waiting[group] -= count
            self.room -= count


@dataclass(slots=True)
class Way:
    """A route in this stretch: what it may still take in all and for each group (none: as much as comes), and what it took."""

    whole: float
    groups: Mapping[str, float]
    took: dict[str, float] = field(default_factory=dict)

    @property
    def left(self) -> float:
        """How much it still takes in all."""
        return self.whole - sum(self.took.values())

    def room(self, group: str) -> float:
        """How much it still takes for a group."""
        return min(self.left, self.groups.get(group, math.inf) - self.took.get(group, 0.0))

    def take(self, counts: Mapping[str, float]) -> None:
        """Have so many go this way."""
        for group, count in counts.items():
            self.took[group] = self.took.get(group, 0.0) + count


def pour(parties: Sequence[Party], ways: Sequence[Way], amount: float) -> None:
    """Share an amount by weight among those who have mail, until it is given or nobody has any that a way still takes.

    A tenant's mail leaves in the mixture that waits, as far as there are ways for it, and by all of them alike. In each round it flows until
    somebody runs dry or a way is full: so there are few.
    """
    while amount > NOTHING:
        open_to = {group: found for group in parties[0].waiting if (found := [one for one in ways if one.room(group) > NOTHING])}
        flows = [(one, mixture) for one in parties if one.room > NOTHING and (mixture := one.mixture(open_to))]
        if not flows:
            return
        streams = _streams(flows, open_to)
        weights = sum(one.weight for one, _ in flows)
        # How much flows for each unit of weight.
        unit = min(amount / weights, *(most for part in (_dry(flows), _full(streams)) for most in part))
        for one, mixture in flows:
            one.send({group: share * unit for group, share in mixture.items()})
        for way, mine in streams:
            way.take({group: share * unit for group, share in mine.items()})
        amount -= weights * unit


def _streams(
    flows: Sequence[tuple[Party, Mapping[str, float]]], open_to: Mapping[str, Sequence[Way]]
) -> list[tuple[Way, dict[str, float]]]:
    """Say what each way takes of each group for each unit of weight."""
    total: dict[str, float] = {}
    for _, mixture in flows:
        for group, share in mixture.items():
            total[group] = total.get(group, 0.0) + share
    found: dict[int, tuple[Way, dict[str, float]]] = {}
    for group, share in total.items():
        for way in open_to[group]:
            found.setdefault(id(way), (way, {}))[1][group] = share / len(open_to[group])
    return list(found.values())


def _dry(flows: Sequence[tuple[Party, Mapping[str, float]]]) -> Iterator[float]:
    """Yield at which unit each tenant has nothing left, or may send no more."""
    for one, mixture in flows:
        yield min(one.room, sum(one.waiting[group] for group in mixture)) / one.weight


def _full(streams: Sequence[tuple[Way, Mapping[str, float]]]) -> Iterator[float]:
    """Yield at which unit each way takes no more, in all or for a group."""
    for way, mine in streams:
        yield way.left / sum(mine.values())
        yield from (way.room(group) / share for group, share in mine.items())
