"""What a window lets through, as a forecast's walk uses it up; pure. Time is in seconds from the walk's beginning.

Four kinds: a pace, a calendar's window (a tenant's quota), any stretch of a length (a route's limit), and days that grow (a warm-up).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from posthouse.sending.warmup.rules import PASSED

DAY = 86_400.0


class Meter(Protocol):
    """A window in use. Steps are asked for and used up in the order of time."""

    @property
    def resets_at(self) -> float:
        """When the next window begins; infinite where there are none."""

    def room(self, now: float, until: float) -> float:
        """Return how much it lets through between two instants."""

    def take(self, amount: float, until: float) -> None:
        """Use up what left between the last instant and this one."""

    def turn(self, now: float) -> None:
        """Begin the windows that have begun by now."""


@dataclass(slots=True)
class Pace:
    """So many a second and no more."""

    per_second: float
    resets_at: float = math.inf

    def room(self, now: float, until: float) -> float:
        """Return how much it lets through between two instants."""
        return self.per_second * (until - now)

    def take(self, amount: float, until: float) -> None:
        """Nothing is used up."""

    def turn(self, now: float) -> None:
        """Nothing begins."""


@dataclass(slots=True)
class Calendar:
    """`left` in the present window, `size` in each after it; `following` gives the next window's start after one."""

    left: float
    size: float
    resets_at: float
    following: Callable[[float], float]

    def room(self, now: float, until: float) -> float:
        """Return how much it lets through between two instants."""
        total, begins = max(0.0, self.left), self.resets_at
        while begins < until:
            total, begins = total + self.size, self.following(begins)
        return total

    def take(self, amount: float, until: float) -> None:
        """Use up what left between the last instant and this one."""
        self.left -= amount

    def turn(self, now: float) -> None:
        """Begin the windows that have begun by now."""
        while self.resets_at <= now:
            # What left in a step that went on into the next window is that one's.
            self.left, self.resets_at = self.size + min(0.0, self.left), self.following(self.resets_at)


@dataclass(slots=True)
class Rolling:
    """No more than `size` in any stretch of `length` seconds. `spent`: (instant, amount) of what was taken before now, in order.

    What was ever taken is a line over time, and the limit is that line, one length later and one size higher.
    """

    size: float
    length: float
    spent: Sequence[tuple[float, float]] = ()
    resets_at: float = math.inf
    _times: list[float] = field(default_factory=list)
    _totals: list[float] = field(default_factory=list)
    _behind: int = 0  # the first point of the line that isn't a length ago yet

    def __post_init__(self) -> None:
        self._times, self._totals = [-math.inf], [0.0]
        for at, amount in self.spent:
            self._times += [at, at]
            self._totals += [self._totals[-1], self._totals[-1] + amount]
        self._times.append(0.0)
        self._totals.append(self._totals[-1])

    def room(self, now: float, until: float) -> float:
        """Return how much it lets through between two instants."""
        past = until - self.length
        if past >= self._times[-1]:
            return self.size * (until - now) / self.length
        while self._times[self._behind] <= past:
            self._behind += 1
        return max(0.0, self.size - self._totals[-1] + self._total(past))

    def _total(self, at: float) -> float:
        here, before = self._behind, self._behind - 1
        part = (at - self._times[before]) / (self._times[here] - self._times[before]) if before else 0.0
        return self._totals[before] + part * (self._totals[here] - self._totals[before])

    def take(self, amount: float, until: float) -> None:
        """Use up what left between the last instant and this one."""
        self._times.append(until)
        self._totals.append(self._totals[-1] + amount)

    def turn(self, now: float) -> None:
        """Nothing begins: it comes back all the time."""


@dataclass(slots=True)
class Stages:
    """A warm-up: `sizes` of the days from today's stage on, `left` of today's, midnight UTC at `resets_at`; after the last one: warm.

    A day on which too little of a stage was sent is followed by the same stage, as `warmup.rules.next_stage` has it.
    """

    sizes: Sequence[float]
    left: float
    resets_at: float
    _number: int = 0

    def room(self, now: float, until: float) -> float:
        """Return how much it lets through between two instants."""
        return max(0.0, self.left)

    def take(self, amount: float, until: float) -> None:
        """Use up what left between the last instant and this one."""
        self.left -= amount

    def turn(self, now: float) -> None:
        """Begin the days that have begun by now."""
        while self.resets_at <= now:
            size = self.sizes[self._number]
            self._number += size - self.left >= math.ceil(PASSED * size) - 1e-6
            if self._number == len(self.sizes):
                self.left = self.resets_at = math.inf
                return
            self.left, self.resets_at = self.sizes[self._number], self.resets_at + DAY
