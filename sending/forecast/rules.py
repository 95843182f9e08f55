"""Forecast when a number of messages will have been tried, and what holds them on the way; pure.

A pool carries so many messages a second and shares them among the tenants that have mail, by weight (stride scheduling comes to the same
over any stretch that matters). Each tenant's mail is for several mailbox providers; each route takes of it what its own limits let through,
towards everybody and towards each provider, and what one can't take goes by the others. A tenant's own limits it uses up alone.

Time is walked in steps that grow with what has passed, a hundredth of it, so that a month needs no more than a few times the steps of an
hour, and an instant is as exact as it is far; where a window begins a step ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from posthouse.sending.forecast.meters import Meter, Stages
from posthouse.sending.forecast.sharing import NOTHING, Party, Way, pour

#: Beyond this nobody plans; a limit of zero would be walked for ever.
HORIZON = timedelta(days=400)
PROVIDER = "provider"
WARMUP = "warmup"
EVERYBODY = {"": 1.0}
_GROWTH = 0.01
_SHORTEST = 1.0
_NEAR = 0.1  # of a step: a route's window that begins so soon doesn't end it


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another tenant with mail in the same pool: its weight and how much it has waiting."""

    weight: float
    waiting: float


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the tenant's own, and its name."""

    name: str
    meter: Meter


@dataclass(frozen=True, slots=True)
class Route:
    """A way out: what limits it whoever the recipients are, and towards each group."""

    whole: Sequence[Meter] = ()
    groups: Mapping[str, Sequence[Meter]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """`done_at` None: not within 400 days. `waits` are (limit's name, from, until) for every stretch in which a limit held everything."""

    done_at: datetime | None
    waits: tuple[tuple[str, datetime, datetime], ...] = ()


@dataclass(slots=True)
class _Walk:
    """The instant (in seconds since it began), who has mail, and what limits them; `stood_at` is when ours last stopped."""

    ours: Party
    others: list[Party]
    per_second: float
    limits: Sequence[Limit]
    routes: Sequence[Route]
    meters: Sequence[Meter]
    now: float = 0.0
    stood_at: float = 0.0
    waits: list[tuple[str, float, float]] = field(default_factory=list)


def forecast(
    *,
    now: datetime,
    waiting: float,
    per_second: float,
    weight: float = 1.0,
    neighbours: Sequence[Neighbour] = (),
    limits: Sequence[Limit] = (),
    routes: Sequence[Route] = (),
    shares: Mapping[str, float] = EVERYBODY,
) -> Forecast:
    """Forecast when `waiting` messages will have been tried if the pool carries `per_second` messages (above 0).

    `shares`: which part of the recipients each group is, of the neighbours' too. Limits and routes are used up by it.
    """
    ours, *others = [Party(one.weight, _mixed(one, shares)) for one in (Neighbour(weight, waiting), *neighbours)]
    meters = [meter for route in routes for part in (route.whole, *route.groups.values()) for meter in part]
    walk = _Walk(ours, others, per_second, limits, routes or (Route(),), [*meters, *(one.meter for one in limits)])
    end = _walk(walk)
    waits = tuple((name, _after(now, since), _after(now, until)) for name, since, until in walk.waits)
    return Forecast(done_at=None if end is None else _after(now, end), waits=waits)


def _mixed(one: Neighbour, shares: Mapping[str, float]) -> dict[str, float]:
    return {group: one.waiting * share for group, share in shares.items()}


def _after(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=round(seconds, 3))


def _walk(walk: _Walk) -> float | None:
    """Walk until everything of ours was tried; None: not within the horizon."""
    while walk.now < HORIZON.total_seconds():
        until, before = _next_stop(walk), walk.ours.left
        part = _send(walk, until)
        if walk.ours.left <= NOTHING:
            return walk.now + (until - walk.now) * part
        if before - walk.ours.left <= NOTHING:
            _note_wait(walk, until)
        else:
            walk.stood_at = walk.now + (until - walk.now) * part
        walk.now = until
        for meter in walk.meters:
            meter.turn(until)
    return None


def _next_stop(walk: _Walk) -> float:
    step = max(_SHORTEST, walk.now * _GROWTH)
    # A tenant is told when its own limit ends: that instant is exact.
    own = (one.meter.resets_at for one in walk.limits if one.meter.resets_at > walk.now)
    routes = (one.resets_at for one in walk.meters if one.resets_at > walk.now + step * _NEAR)
    return min([walk.now + step, *own, *routes])


def _send(walk: _Walk, until: float) -> float:
    """Send what can be sent until an instant; return in which part of the time ours went, at its full pace."""
    before, amount = walk.ours.left, walk.per_second * (until - walk.now)
    fast = amount * walk.ours.weight / (walk.ours.weight + sum(one.weight for one in walk.others))
    walk.ours.room = _room([one.meter for one in walk.limits], walk.now, until)
    ways = [_way(one, walk.now, until) for one in walk.routes]
    pour([walk.ours, *walk.others], ways, amount)
    for limit in walk.limits:
        limit.meter.take(before - walk.ours.left, until)
    for route, way in zip(walk.routes, ways, strict=True):
        _use_up(route, way, until)
    walk.others = [one for one in walk.others if one.left > NOTHING]
    return min(1.0, (before - walk.ours.left) / fast)


def _room(meters: Sequence[Meter], now: float, until: float) -> float:
    return min((one.room(now, until) for one in meters), default=math.inf)


def _way(route: Route, now: float, until: float) -> Way:
    return Way(_room(route.whole, now, until), {group: _room(meters, now, until) for group, meters in route.groups.items()})


def _use_up(route: Route, way: Way, until: float) -> None:
    total = sum(way.took.values())
    for one in route.whole:
        one.take(total, until)
    for group, meters in route.groups.items():
        for one in meters:
            one.take(way.took.get(group, 0.0), until)


def _note_wait(walk: _Walk, until: float) -> None:
    name, since = _held_by(walk, until), min(walk.now, walk.stood_at)
    if walk.waits and walk.waits[-1][0] == name and walk.waits[-1][2] >= since:
        since = walk.waits.pop()[1]
    walk.waits.append((name, since, until))
    walk.stood_at = until


def _held_by(walk: _Walk, until: float) -> str:
    """Name what holds everything: of the tenant's own limits the one that holds longest; the pool's as the route that opens first."""
    own = [one for one in walk.limits if one.meter.room(walk.now, until) <= NOTHING]
    if own:
        return max(own, key=lambda one: one.meter.resets_at).name
    return WARMUP if all(_warms_up(route, walk, until) for route in walk.routes) else PROVIDER


def _warms_up(route: Route, walk: _Walk, until: float) -> bool:
    """Say whether a route has sent today's stage for what waits: it opens at midnight, and not sooner."""
    stages = [
        one for group, meters in route.groups.items() if walk.ours.waiting[group] > NOTHING for one in meters if isinstance(one, Stages)
    ]
    return any(one.room(walk.now, until) <= NOTHING for one in stages)
