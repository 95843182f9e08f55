"""Limits per second and minute: GCRA in Redis. While Redis is away each worker keeps to its own share, so none is ever passed."""

from __future__ import annotations

from dataclasses import dataclass, field

from posthouse.platform import clock
from posthouse.platform.ratelimit import Bucket, take_lot
from posthouse.sending.rates import rules
from posthouse.sending.rates.rules import Limits


@dataclass(frozen=True, slots=True)
class Granted:
    """How many may leave now; where none, the period that binds and after how many seconds to ask again."""

    amount: int
    by: str = ""
    wait_seconds: float = 0.0


@dataclass(slots=True)
class Quick:
    """One worker's way to the permits of a route or its share for a provider. `sharers`: workers that may ask for the same."""

    key: str
    limits: Limits
    sharers: int
    _next: dict[str, float] = field(default_factory=dict)

    @property
    def periods(self) -> list[str]:
        """The limits that are kept here."""
        return [period for period in rules.QUICK if period in self.limits.rates]

    def take(self, wanted: int) -> Granted:
        """Take up to `wanted` permits; they are worth something for a second. Never raises."""
        if not self.periods:
            return Granted(wanted)
        lot = self.limits.lot
        buckets = [self._bucket(period, min(lot, self.limits.rates[period])) for period in self.periods]
        found = take_lot(buckets, wanted=min(wanted, lot))
        if found is None:
            return self._alone()
        return Granted(found.amount, "" if found.amount else self.periods[found.binding], found.retry_after_seconds)

    def _bucket(self, period: str, lot: int) -> Bucket:
        spacing = rules.spacing_seconds(self.limits.rates[period], rules.SECONDS[period], lot)
        return Bucket(f"route:{self.key}:{period}", spacing, lot)

    def _alone(self) -> Granted:
        """Give one permit at a time, at this worker's share of the pace."""
        now = clock.monotonic()
        late = {period: self._next.get(period, 0.0) - now for period in self.periods}
        worst = max(late, key=lambda period: late[period])
        if late[worst] > 0:
            return Granted(0, worst, late[worst])
        for period in self.periods:
            self._next[period] = now + rules.SECONDS[period] * self.sharers / self.limits.rates[period]
        return Granted(1)
