"""What limits mean; pure.

Every limit holds for any stretch of its length, not for calendar hours or days: providers count so (Amazon SES, Gmail and
Microsoft 365 count the last 24 hours). Permits are taken in lots, so that a limit costs nothing per message.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from posthouse.platform.errors import Invalid

WHOLE = ""  # the limits of a route whoever the recipients are
MOST = 100_000_000
MOST_LOT = 100
# A permit against a limit per second or minute is worth nothing after this; one per hour or day is handed back.
FRESH_SECONDS = 1.0
SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
QUICK = ("second", "minute")  # kept in Redis
LASTING = ("hour", "day")  # kept in PostgreSQL
BUCKETS = {"hour": timedelta(minutes=1), "day": timedelta(minutes=15)}
# How much is worth holding under lease beside what can leave at once.
AHEAD_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a route may do; None is no limit. `most_bytes` counts the letter as it leaves."""

    per_second: int | None = None
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    connections: int | None = None
    messages_per_connection: int | None = None
    most_bytes: int | None = None

    @property
    def rates(self) -> Mapping[str, int]:
        """The limits per time that there are, by period."""
        found = {"second": self.per_second, "minute": self.per_minute, "hour": self.per_hour, "day": self.per_day}
        return {period: count for period, count in found.items() if count is not None}

    @property
    def lot(self) -> int:
        """How many permits are taken at once: a tenth of the smallest limit, so that what a dead worker held doesn't matter."""
        return min([MOST_LOT, *(max(1, count // 10) for count in self.rates.values())])

    @property
    def per_second_at_most(self) -> float:
        """The pace in messages per second in the long run; infinite without a limit."""
        return min((count / SECONDS[period] for period, count in self.rates.items()), default=math.inf)

    @property
    def empty(self) -> bool:
        """Whether nothing is limited."""
        return all(getattr(self, one.name) is None for one in fields(self))


NONE = Limits()


def check(limits: Limits) -> Limits:
    """Return the limits. Raises: Invalid, naming the field."""
    for one in fields(limits):
        value = getattr(limits, one.name)
        if value is not None and not 1 <= value <= MOST:
            raise Invalid("limit_malformed", "A limit is a whole number from 1, or empty for none.", field=one.name)
    rates = limits.rates
    for shorter, longer in pairwise(rates):
        if rates[longer] < rates[shorter]:
            raise Invalid("limit_malformed", f"The limit per {longer} is below the one per {shorter}.", field=f"per_{longer}")
    return limits


def spacing_seconds(count: int, seconds: float, lot: int) -> float:
    """Return the gap between two permits that keeps any stretch of `seconds` at or below `count`, lots of `lot` included."""
    return seconds / (count - min(lot, count) + 1)


def bucket_of(at: datetime, period: str) -> datetime:
    """Return when the stretch began that `at` lies in."""
    step = BUCKETS[period].total_seconds()
    return datetime.fromtimestamp(at.timestamp() // step * step, UTC)


def counted_from(at: datetime, period: str) -> datetime:
    """Return the first stretch that counts: a permit may be used one stretch after it was taken, and stretches count whole."""
    return bucket_of(at, period) - timedelta(seconds=SECONDS[period]) - BUCKETS[period]


def free_at(bucket: datetime, period: str) -> datetime:
    """Return when what was taken in a stretch counts no more."""
    return bucket + timedelta(seconds=SECONDS[period]) + 2 * BUCKETS[period]
