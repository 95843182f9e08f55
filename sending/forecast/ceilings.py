"""What a pool's routes may do together: its ceilings, from each route's limits and warm-up; pure.

A ceiling is there only where every route has one: what one route may not send the others do. Limits towards one mailbox provider bind the
whole flow as soon as its share of the recipients reaches them: a campaign is done when its last recipient is. Neighbours are taken to
write to the same mixture. Limits are added up over routes, period by period: where one route is narrow by the hour and another by the day, the
sums promise more than the two can do.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from posthouse.sending.forecast.meters import Measure, Stages, Stretch
from posthouse.sending.rates.rules import BUCKETS, LASTING, QUICK, SECONDS, WHOLE, Limits, free_at
from posthouse.sending.warmup.rules import Stage, next_stage, tomorrow

PROVIDER = "provider"
WARMUP = "warmup"
_PARTS = 8  # what is spent of a limit comes back in so many steps


@dataclass(frozen=True, slots=True)
class Spent:
    """What was taken of a limit per hour or day in the stretch that began at `bucket`."""

    group: str
    period: str
    bucket: datetime
    used: int


@dataclass(frozen=True, slots=True)
class Day:
    """The last day on which a warming route was asked for a provider's recipients."""

    day: date
    stage: Stage
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFacts:
    """A live route: its warm-up's `stages` (None: warm), limits and last days by group, and what counts as spent."""

    stages: tuple[int, ...] | None
    limits: Mapping[str, Limits]
    spent: tuple[Spent, ...] = ()
    days: Mapping[str, Day]

    @property
    def by_group(self) -> bool:
        """Whether it matters to which providers the recipients belong."""
        return self.stages is not None or any(group != WHOLE for group in self.limits)


def pace_cap(routes: Sequence[RouteFacts], shares: Mapping[str, float]) -> float:
    """Return how many messages a second the limits per second and minute let through; infinite without any."""
    return min((_together(routes, group, share, QUICK) for group, share in _parts(shares)), default=math.inf)


def ceilings(routes: Sequence[RouteFacts], shares: Mapping[str, float], now: datetime) -> list[Measure]:
    """Return what everybody in the pool uses up together. `shares`: which part of the recipients each group is, above 0."""
    found: list[Measure] = []
    for group, share in _parts(shares):
        for period in LASTING:
            size = _together(routes, group, share, (period,)) * SECONDS[period]
            if not math.isinf(size):
                # As the limit is counted: stretches count whole, and one more than the length.
                length = timedelta(seconds=SECONDS[period]) + 1.5 * BUCKETS[period]
                spent = [one for route in routes for one in route.spent if (one.group, one.period) == (group, period)]
                found.append(Stretch(name=PROVIDER, size=size, length=length, spent=_coming_back(spent, share, now)))
    if routes and all(route.stages is not None for route in routes):
        found += [one for group, share in shares.items() if (one := _warmup(routes, group, share, now)) is not None]
    return found


def _parts(shares: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    yield WHOLE, 1.0
    yield from shares.items()


def _together(routes: Sequence[RouteFacts], group: str, share: float, periods: Sequence[str]) -> float:
    """Return what all routes let through a second by their limits of some periods, counted in messages to everybody."""
    return sum(_of_route(route, group, periods) for route in routes) / share if routes else math.inf


def _of_route(route: RouteFacts, group: str, periods: Sequence[str]) -> float:
    rates = route.limits[group].rates if group in route.limits else {}
    return min((rates[period] / SECONDS[period] for period in periods if period in rates), default=math.inf)


def _coming_back(spent: Sequence[Spent], share: float, now: datetime) -> tuple[tuple[datetime, float], ...]:
    """Say when what was spent counts no more, in a few steps instead of one for each minute."""
    steps: dict[int, float] = defaultdict(float)
    for one in spent:
        back = (free_at(one.bucket, one.period) - now).total_seconds()
        if back > 0:
            steps[int(back // (SECONDS[one.period] / _PARTS))] += one.used / share
    wide = SECONDS[spent[0].period] / _PARTS if spent else 0.0
    return tuple((now + timedelta(seconds=(step + 0.5) * wide), amount) for step, amount in sorted(steps.items()))


def _warmup(routes: Sequence[RouteFacts], group: str, share: float, now: datetime) -> Stages | None:
    """Return the warm-up of all routes together towards one group; None where one of them is warm for it."""
    rows = [_rest_of(route, group, now.date()) for route in routes]
    sizes = tuple(sum(stages) / share for stages in zip(*(sizes for sizes, _ in rows), strict=False))
    if not sizes:
        return None
    return Stages(name=WARMUP, sizes=sizes, used=sum(used for _, used in rows) / share, resets_at=tomorrow(now.date()))


def _rest_of(route: RouteFacts, group: str, today: date) -> tuple[tuple[int, ...], int]:
    """Return a route's stages from today's on, and what is used of today's."""
    stages, last = route.stages or (), route.days.get(group)
    if last is not None and last.day == today:
        stage, used = last.stage, last.used
    else:
        stage, used = next_stage(stages, last.stage if last else None, last.used if last else 0), 0
    return (() if stage.allowed is None else (stage.allowed, *stages[stage.number + 1 :])), used
