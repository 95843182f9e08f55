"""Forecast when a number of messages will have been tried, and what holds them on the way; pure.

A pool carries so many messages a second and shares them among the tenants that have mail, by weight (stride scheduling comes to the same
over any stretch that matters). Limits are windows: the tenant's own ones it uses up alone, the pool's everybody in it. So time is walked
from event to event: a neighbour runs dry, a limit is used up, a window begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from posthouse.sending.forecast.meters import FAR, Measure, Meter

#: Beyond this nobody plans; a limit of zero would be walked for ever.
HORIZON = timedelta(days=400)
_MOST_STEPS = 20_000
_NOTHING = 1e-6  # of a message or a second
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another tenant with mail in the same pool: its weight and how much it has waiting."""

    weight: float
    waiting: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """`done_at` None: not within 400 days. `waits` are (limit's name, from, until) for every stretch in which a limit held everything."""

    done_at: datetime | None
    waits: tuple[tuple[str, datetime, datetime], ...] = ()


@dataclass(slots=True)
class _Walk:
    now: datetime
    waiting: float
    weight: float
    per_second: float
    meters: list[Meter]
    neighbours: list[Neighbour]
    waits: list[tuple[str, datetime, datetime]] = field(default_factory=list)


def forecast(
    *,
    now: datetime,
    waiting: int,
    per_second: float,
    weight: float = 1.0,
    neighbours: Sequence[Neighbour] = (),
    limits: Sequence[Measure] = (),
) -> Forecast:
    """Forecast when `waiting` messages will have been tried if the pool carries `per_second` messages (above 0)."""
    walk = _Walk(now, float(waiting), weight, per_second, [one.meter() for one in limits], list(neighbours))
    for _ in range(_MOST_STEPS):
        if walk.waiting <= _NOTHING:
            return Forecast(done_at=walk.now, waits=tuple(walk.waits))
        if walk.now > now + HORIZON:
            break
        _step(walk)
    return Forecast(done_at=None, waits=tuple(walk.waits))


def _step(walk: _Walk) -> None:
    """Go on until the next thing happens."""
    # Of the limits that are used up the one that holds longest counts: until then the others don't matter.
    held = max((one for one in walk.meters if one.left <= _NOTHING), key=lambda one: one.resets_at, default=None)
    still = any(one.shared and one.left <= _NOTHING for one in walk.meters)  # the whole pool stands
    total = (0.0 if held else walk.weight) + sum(one.weight for one in walk.neighbours)
    pace = 0.0 if still or not total else walk.per_second / total  # of one unit of weight
    ours = 0.0 if held else pace * walk.weight
    seconds = _until_next(walk, held, pace, ours)
    if held:
        _note_wait(walk, held.name, walk.now + timedelta(seconds=seconds))
    walk.waiting -= ours * seconds
    _use(walk, ours * seconds, pace * total * seconds)
    if pace:
        left = [Neighbour(one.weight, one.waiting - pace * one.weight * seconds) for one in walk.neighbours]
        walk.neighbours = [one for one in left if one.waiting > _NOTHING]
    walk.now += timedelta(seconds=seconds)
    for one in walk.meters:
        one.turn(walk.now)


def _until_next(walk: _Walk, held: Meter | None, pace: float, ours: float) -> float:
    """Return the seconds until somebody has nothing left, a limit is used up, or a window begins."""
    everybody = ours + pace * sum(one.weight for one in walk.neighbours)
    ends = [walk.waiting / ours if ours else _NEVER]
    if pace:
        ends += [one.waiting / (pace * one.weight) for one in walk.neighbours]
    for one in walk.meters:
        rate = everybody if one.shared else ours
        # What an own limit does while nothing of ours leaves doesn't matter; what the pool's do, does.
        if rate and one.left > _NOTHING:
            ends.append(one.left / rate)
        if held is None or one is held or (one.shared and pace):
            ends.append((min(one.resets_at, FAR) - walk.now).total_seconds())
    return max(min(ends), _NOTHING)


def _note_wait(walk: _Walk, name: str, until: datetime) -> None:
    if walk.waits and walk.waits[-1][0] == name and walk.waits[-1][2] == walk.now:
        walk.waits[-1] = (name, walk.waits[-1][1], until)
    else:
        walk.waits.append((name, walk.now, until))


def _use(walk: _Walk, ours: float, everybody: float) -> None:
    for one in walk.meters:
        amount = everybody if one.shared else ours
        if amount:
            one.take(amount, walk.now)
