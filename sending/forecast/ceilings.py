"""What a pool's routes may do, each by its own limits and warm-up, as a forecast's walk uses them up; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from posthouse.sending.forecast.meters import Meter, Pace, Rolling, Stages
from posthouse.sending.forecast.rules import Route
from posthouse.sending.rates.rules import BUCKETS, LASTING, QUICK, SECONDS, WHOLE, Limits
from posthouse.sending.warmup.rules import Stage, next_stage, tomorrow


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
    if not routes:
        return math.inf
    parts = [(WHOLE, 1.0), *shares.items()]
    return min(sum(_quick(route, group) for route in routes) / share for group, share in parts)


def walked(routes: Sequence[RouteFacts], groups: Sequence[str], now: datetime) -> list[Route]:
    """Return the routes as a walk that begins now uses them up, for recipients of these groups."""
    return [Route(whole=_meters(one, WHOLE, now), groups={group: _for_group(one, group, now) for group in groups}) for one in routes]


def _for_group(route: RouteFacts, group: str, now: datetime) -> list[Meter]:
    return [*(_meters(route, group, now) if group != WHOLE else ()), *_warmup(route, group, now)]


def _quick(route: RouteFacts, group: str) -> float:
    rates = route.limits[group].rates if group in route.limits else {}
    return min((rates[period] / SECONDS[period] for period in QUICK if period in rates), default=math.inf)


def _meters(route: RouteFacts, group: str, now: datetime) -> list[Meter]:
    pace, rates = _quick(route, group), route.limits[group].rates if group in route.limits else {}
    found: list[Meter] = [] if math.isinf(pace) else [Pace(pace)]
    for period in LASTING:
        if period in rates:
            # As the limit is counted: stretches count whole, and one more than the length.
            length = SECONDS[period] + 1.5 * BUCKETS[period].total_seconds()
            found.append(Rolling(rates[period], length, _spent(route, group, period, now)))
    return found


def _spent(route: RouteFacts, group: str, period: str, now: datetime) -> list[tuple[float, float]]:
    """Say what was taken when: in the middle of its stretch, and not later than now."""
    middle = BUCKETS[period] / 2
    found = [one for one in route.spent if (one.group, one.period) == (group, period)]
    return sorted((min(0.0, (one.bucket + middle - now).total_seconds()), float(one.used)) for one in found)


def _warmup(route: RouteFacts, group: str, now: datetime) -> Iterator[Meter]:
    """Yield a route's stages from today's on; nothing where it is warm for this group."""
    stages, last = route.stages or (), route.days.get(group)
    if last is not None and last.day == now.date():
        stage, used = last.stage, last.used
    else:
        stage, used = next_stage(stages, last.stage if last else None, last.used if last else 0), 0
    if stage.allowed is not None:
        sizes = (stage.allowed, *stages[stage.number + 1 :])
        yield Stages(sizes, stage.allowed - used, (tomorrow(now.date()) - now).total_seconds())
