"""Forecast when a number of messages will have been tried, and what holds them on the way; pure.

A pool carries so many messages a second and shares them among the tenants that have mail, by weight (stride scheduling comes to the same
over any stretch that matters). Limits are calendar windows: what is left of the present one, and their whole size in each that follows.
So time is walked from event to event: a neighbour runs dry, a limit is used up, a window begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

#: Beyond this nobody plans; a limit of zero would be walked for ever.
HORIZON = timedelta(days=400)
_MOST_STEPS = 20_000
_NOTHING = 1e-6  # of a message or a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit: `left` in the present window, `size` in each that follows, `following` gives the next window's start after an instant."""

    name: str
    left: float
    size: float
    resets_at: datetime
    following: Callable[[datetime], datetime]


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
class _Window:
    limit: Limit
    left: float
    resets_at: datetime


@dataclass(slots=True)
class _Walk:
    now: datetime
    waiting: float
    windows: list[_Window]
    neighbours: list[Neighbour]
    waits: list[tuple[str, datetime, datetime]] = field(default_factory=list)


def forecast(
    *,
    now: datetime,
    waiting: int,
    per_second: float,
    weight: float = 1.0,
    neighbours: Sequence[Neighbour] = (),
    limits: Sequence[Limit] = (),
) -> Forecast:
    """Forecast when `waiting` messages will have been tried if the pool carries `per_second` messages (above 0)."""
    walk = _Walk(now, float(waiting), [_Window(one, one.left, one.resets_at) for one in limits], list(neighbours))
    for _ in range(_MOST_STEPS):
        if walk.waiting <= _NOTHING:
            return Forecast(done_at=walk.now, waits=tuple(walk.waits))
        if walk.now > now + HORIZON:
            break
        # Of the limits that are used up the one that holds longest counts: until then the others don't matter.
        held = max((one for one in walk.windows if one.left <= _NOTHING), key=lambda one: one.resets_at, default=None)
        if held is not None:
            _wait(walk, held, per_second)
        else:
            _send(walk, per_second, weight)
    return Forecast(done_at=None, waits=tuple(walk.waits))


def _wait(walk: _Walk, held: _Window, per_second: float) -> None:
    """Stand still until a window begins; neighbours go on, each with what it is due."""
    until = max(held.resets_at, walk.now)
    if walk.waits and walk.waits[-1][0] == held.limit.name and walk.waits[-1][2] == walk.now:
        walk.waits[-1] = (held.limit.name, walk.waits[-1][1], until)
    else:
        walk.waits.append((held.limit.name, walk.now, until))
    _drain(walk, (until - walk.now).total_seconds(), per_second, 0.0)
    walk.now = until
    _turn_windows(walk)


def _send(walk: _Walk, per_second: float, weight: float) -> None:
    """Send at our share until the next thing happens."""
    total = weight + sum(one.weight for one in walk.neighbours)
    ours = per_second * weight / total
    until_dry = min((one.waiting / (per_second * one.weight / total) for one in walk.neighbours), default=float("inf"))
    until_full = min((one.left for one in walk.windows), default=float("inf")) / ours
    until_turn = min(((one.resets_at - walk.now).total_seconds() for one in walk.windows), default=float("inf"))
    seconds = max(min(walk.waiting / ours, until_dry, until_full, until_turn), _NOTHING)
    sent = ours * seconds
    walk.waiting -= sent
    for one in walk.windows:
        one.left -= sent
    _drain(walk, seconds, per_second, weight)
    walk.now += timedelta(seconds=seconds)
    _turn_windows(walk)


def _drain(walk: _Walk, seconds: float, per_second: float, ours: float) -> None:
    """Let the neighbours send for so long; who runs dry leaves the rest to the others."""
    while seconds > 1e-9 and walk.neighbours:
        total = ours + sum(one.weight for one in walk.neighbours)
        step = min(seconds, *(one.waiting * total / (per_second * one.weight) for one in walk.neighbours))
        left = [Neighbour(one.weight, one.waiting - per_second * one.weight / total * step) for one in walk.neighbours]
        walk.neighbours = [one for one in left if one.waiting > _NOTHING]
        seconds -= max(step, 1e-9)


def _turn_windows(walk: _Walk) -> None:
    for one in walk.windows:
        while one.resets_at <= walk.now:
            one.left, one.resets_at = one.limit.size, one.limit.following(one.resets_at)
