"""Forecast when a number of messages will have been tried, and what holds them on the way; pure.

A pool carries so many messages a second and shares them among the tenants that have mail, by weight (stride scheduling comes to the same
over any stretch that matters). Each tenant's mail is for several mailbox providers; each route takes of it what its own limits let through,
towards everybody and towards each provider, and what one can't take goes by the others. A tenant's own limits it uses up alone, by
whichever pools its mail leaves: they are walked together, and the last one to be done decides.

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
_FEW = 0.02  # of the messages: with so much less to send the last wait would not be
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
    """`done_at` None: not within 400 days. `waits` are (limit's name, from, until) for every stretch in which a limit held everything.

    `late`: how many of the messages are left for after the last wait, where they are so few that the real run may as well be done before it.
    """

    done_at: datetime | None
    waits: tuple[tuple[str, datetime, datetime], ...] = ()
    late: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """A pool, and what of the tenant's mail leaves by it.

    It carries `per_second` messages (above 0). `shares`: which part of the recipients each group is, of the neighbours' too.
    """

    waiting: float
    per_second: float
    neighbours: Sequence[Neighbour] = ()
    routes: Sequence[Route] = ()
    shares: Mapping[str, float] = field(default_factory=lambda: EVERYBODY)


@dataclass(slots=True)
class _Pool:
    """A pool on the walk: who has mail there, and by which ways it leaves."""

    ours: Party
    others: list[Party]
    per_second: float
    routes: Sequence[Route]

    def flow(self, seconds: float) -> float:
        """Return what of ours leaves in a time in which nothing holds it."""
        return self.per_second * seconds * self.ours.weight / (self.ours.weight + sum(one.weight for one in self.others))


@dataclass(slots=True)
class _Walk:
    """The instant (in seconds since it began), the pools, and what limits us in all of them; `stood_at` is when ours last stopped."""

    pools: list[_Pool]
    limits: Sequence[Limit]
    meters: Sequence[Meter]
    now: float = 0.0
    stood_at: float = 0.0
    waits: list[tuple[str, float, float]] = field(default_factory=list)
    late: float = 0.0  # what was left when the last wait began

    @property
    def left(self) -> float:
        """What waits of ours."""
        return sum(one.ours.left for one in self.pools)


def forecast(*, now: datetime, exits: Sequence[Exit], weight: float = 1.0, limits: Sequence[Limit] = ()) -> Forecast:
    """Forecast when everything that waits will have been tried. Limits and routes are used up by it."""
    pools = [_pool(one, weight) for one in exits]
    meters = [meter for pool in pools for route in pool.routes for part in (route.whole, *route.groups.values()) for meter in part]
    walk = _Walk(pools, limits, [*meters, *(one.meter for one in limits)])
    everything = walk.left
    end = _walk(walk)
    late = 0 if end is None or walk.late > everything * _FEW else math.ceil(walk.late - NOTHING)
    waits = tuple((name, _after(now, since), _after(now, until)) for name, since, until in walk.waits)
    return Forecast(done_at=None if end is None else _after(now, end), waits=waits, late=late)


def _pool(one: Exit, weight: float) -> _Pool:
    ours, *others = [Party(who.weight, _mixed(who, one.shares)) for who in (Neighbour(weight, one.waiting), *one.neighbours)]
    return _Pool(ours, others, one.per_second, one.routes or (Route(),))


def _mixed(one: Neighbour, shares: Mapping[str, float]) -> dict[str, float]:
    return {group: one.waiting * share for group, share in shares.items()}


def _after(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=round(seconds, 3))


def _walk(walk: _Walk) -> float | None:
    """Walk until everything of ours was tried; None: not within the horizon."""
    while walk.now < HORIZON.total_seconds():
        until, before = _next_stop(walk), walk.left
        part = _send(walk, until)
        if walk.left <= NOTHING:
            return walk.now + (until - walk.now) * part
        if before - walk.left <= NOTHING:
            _note_wait(walk, until)
        else:
            walk.stood_at = walk.now + (until - walk.now) * part
        walk.pools = [one for one in walk.pools if one.ours.left > NOTHING]
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
    before, part, seconds = walk.left, 0.0, until - walk.now
    room = _room([one.meter for one in walk.limits], walk.now, until)
    ways = [[_way(one, walk.now, until) for one in pool.routes] for pool in walk.pools]
    wanted = [_wanted(pool, mine, seconds) for pool, mine in zip(walk.pools, ways, strict=True)]
    for place, (pool, mine) in enumerate(zip(walk.pools, ways, strict=True)):
        # The tenant's limits are shared as the pools could use them up, and what one leaves the next ones have.
        rest = sum(wanted[place:])
        pool.ours.room = room * wanted[place] / rest if wanted[place] < rest else room
        had, fast = pool.ours.left, pool.flow(seconds)
        pour([pool.ours, *pool.others], mine, pool.per_second * seconds)
        room -= had - pool.ours.left
        part = max(part, min(1.0, (had - pool.ours.left) / fast))
        for route, way in zip(pool.routes, mine, strict=True):
            _use_up(route, way, until)
        pool.others = [one for one in pool.others if one.left > NOTHING]
    for limit in walk.limits:
        limit.meter.take(before - walk.left, until)
    return part


def _wanted(pool: _Pool, ways: Sequence[Way], seconds: float) -> float:
    """Say how much of ours could leave by a pool, were it not for the tenant's own limits."""
    by_ways = sum(min(way.whole, sum(min(way.room(group), count) for group, count in pool.ours.waiting.items())) for way in ways)
    return max(0.0, min(pool.flow(seconds), pool.ours.left, by_ways))


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
    else:
        walk.late = walk.left
    walk.waits.append((name, since, until))
    walk.stood_at = until


def _held_by(walk: _Walk, until: float) -> str:
    """Name what holds everything: of the tenant's own limits the one that holds longest; the pool's as the route that opens first."""
    own = [one for one in walk.limits if one.meter.room(walk.now, until) <= NOTHING]
    if own:
        return max(own, key=lambda one: one.meter.resets_at).name
    return WARMUP if all(_warms_up(route, pool, walk, until) for pool in walk.pools for route in pool.routes) else PROVIDER


def _warms_up(route: Route, pool: _Pool, walk: _Walk, until: float) -> bool:
    """Say whether a route has sent today's stage for what waits: it opens at midnight, and not sooner."""
    stages = [
        one for group, meters in route.groups.items() if pool.ours.waiting[group] > NOTHING for one in meters if isinstance(one, Stages)
    ]
    return any(one.room(walk.now, until) <= NOTHING for one in stages)
