"""What may still leave in a window, as a forecast's walk uses it up; pure.

Three kinds of windows: a calendar's (a tenant's quota), any stretch of a length (a route's limit), and days that grow (a warm-up).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from posthouse.sending.warmup.rules import PASSED, tomorrow

FAR = datetime.max.replace(tzinfo=UTC)
#: What leaves within half an hour of an hour's stretch, or three of a day's, comes back together, so that a walk has few steps.
_TOGETHER = timedelta(minutes=30)
_PARTS = 8


class Meter(Protocol):
    """A window in use, and what is `left` in it. `shared`: the whole pool uses it up, not the tenant alone."""

    name: str
    shared: bool
    left: float

    @property
    def resets_at(self) -> datetime:
        """When there is more; far away where nothing comes back."""

    def take(self, amount: float, now: datetime) -> None:
        """Use up an amount at an instant."""

    def turn(self, now: datetime) -> None:
        """Begin the windows that have begun by now."""


class Measure(Protocol):
    """A limit as it stands, from which a walk starts its own meter."""

    def meter(self) -> Meter:
        """Return a new meter at its beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit by calendar: `left` in the present window, `size` in each after it; `following` gives the next window's start after one."""

    name: str
    left: float
    size: float
    resets_at: datetime
    following: Callable[[datetime], datetime]

    def meter(self) -> Meter:
        """Return a new meter at its beginning."""
        return _Calendar(self.name, self.left, self.resets_at, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A pool's limit over any stretch of `length`. `spent` are amounts that count now, each with the instant from which it doesn't."""

    name: str
    size: float
    length: timedelta
    spent: tuple[tuple[datetime, float], ...] = ()

    def meter(self) -> Meter:
        """Return a new meter at its beginning."""
        return _Rolling(self.name, self.size - sum(amount for _, amount in self.spent), self.length, sorted(self.spent))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """A pool's warm-up: `sizes` of the days from today's stage on, `used` of today's, `resets_at` midnight UTC; after the last: warm."""

    name: str
    sizes: tuple[float, ...]
    used: float
    resets_at: datetime

    def meter(self) -> Meter:
        """Return a new meter at its beginning."""
        return _Staged(self.name, self.sizes[0] - self.used, self.resets_at, self.sizes)


@dataclass(slots=True)
class _Calendar:
    name: str
    left: float
    resets_at: datetime
    limit: Limit
    shared: bool = False

    def take(self, amount: float, now: datetime) -> None:
        self.left -= amount

    def turn(self, now: datetime) -> None:
        while self.resets_at <= now:
            self.left, self.resets_at = self.limit.size, self.limit.following(self.resets_at)


@dataclass(slots=True)
class _Rolling:
    """`spent` in the order in which it comes back; what leaves is added to the last of it as long as that is young."""

    name: str
    left: float
    length: timedelta
    spent: list[tuple[datetime, float]]
    shared: bool = True
    joins_until: datetime = field(default=datetime.min.replace(tzinfo=UTC))

    @property
    def resets_at(self) -> datetime:
        return self.spent[0][0] if self.spent else FAR

    def take(self, amount: float, now: datetime) -> None:
        self.left -= amount
        if self.spent and now < self.joins_until:
            at, before = self.spent[-1]
            self.spent[-1] = (at, before + amount)
        else:
            self.spent.append((now + self.length, amount))
            self.joins_until = now + max(_TOGETHER, self.length / _PARTS)

    def turn(self, now: datetime) -> None:
        while self.spent and self.spent[0][0] <= now:
            self.left += self.spent.pop(0)[1]


@dataclass(slots=True)
class _Staged:
    """A day on which too little of a stage was sent is followed by the same stage, as `warmup.rules.next_stage` has it."""

    name: str
    left: float
    resets_at: datetime
    sizes: tuple[float, ...]
    shared: bool = True

    def take(self, amount: float, now: datetime) -> None:
        self.left -= amount

    def turn(self, now: datetime) -> None:
        while self.resets_at <= now:
            if self.sizes[0] - self.left >= PASSED * self.sizes[0]:
                self.sizes = self.sizes[1:]
            if not self.sizes:
                self.left, self.resets_at = float("inf"), FAR
                return
            self.left, self.resets_at = self.sizes[0], tomorrow(self.resets_at.date())
