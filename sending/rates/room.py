"""How much of a pool's mail is worth claiming at this moment, and which providers' recipients have to wait; for claims."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from posthouse.platform import clock
from posthouse.platform.scope import Scope
from posthouse.platform.statements import array, rows
from posthouse.sending.rates.rules import AHEAD_SECONDS, WHOLE, Limits

BACKOFF = "backoff"
# Mail that waits for a provider's patience comes back at this pace.
BACKOFF_SPACING = timedelta(milliseconds=2)
# No two that wait go on in the same instant: of a million that did, every lease would look through all to find its own.
LEAST_SPACING = timedelta(microseconds=1)

_AROUND = (
    "SELECT r.id, coalesce(r.parked_until <= %(now)s, true) AS well, l.domain_group, l.per_second, l.per_minute, l.per_hour, l.per_day"
    " FROM route r LEFT JOIN route_limit l ON l.route_id = r.id WHERE r.pool_id = %(pool)s AND r.state = 'active'"
)
_HOLDS = (
    'SELECT h.route_id, h.domain_group, h."by", h."until" FROM route_hold h JOIN route r ON r.id = h.route_id'
    ' WHERE r.pool_id = %(pool)s AND h."until" > %(now)s'
)
# Each group's waiting mail gets times one after the other, so that no message is put off again and again.
_NEXT = (
    'UPDATE route_hold SET next_at = greatest(next_at, "until") + %(span)s WHERE route_id = %(route)s AND domain_group = %(group)s'
    " RETURNING next_at - %(span)s AS first"
)
_WAIT = (
    "UPDATE message m SET not_before = u.at, reason = %(reason)s FROM unnest(CAST(%(ids)s AS bigint[]), CAST(%(times)s AS timestamptz[]))"
    " AS u (id, at) WHERE m.tenant_id = %(tenant)s AND m.id = u.id"
)


@dataclass(frozen=True, slots=True)
class Wait:
    """Until when something waits, by which limit or backoff, and at which pace it goes on. `route_id` is the one that goes on first."""

    until: datetime
    by: str
    route_id: int
    spacing: timedelta = timedelta()


@dataclass(slots=True)
class Room:
    """How many messages are worth claiming; `wait`: nothing at all may leave; `groups`: whose recipients wait."""

    most: float = math.inf
    wait: Wait | None = None
    groups: dict[str, Wait] = field(default_factory=dict)


@dataclass(slots=True)
class _Way:
    limits: dict[str, Limits] = field(default_factory=dict)
    holds: dict[str, Any] = field(default_factory=dict)


def look(scope: Scope, *, pool_id: int, sharers: int) -> Room:
    """Return a pool's room for one of `sharers` workers. For claims."""
    values = {"pool": pool_id, "now": clock.now()}
    ways: dict[int, _Way] = {}
    for row in rows(scope, _AROUND, values):
        if not row.well:
            continue
        way = ways.setdefault(row.id, _Way())
        if row.domain_group is not None:
            way.limits[row.domain_group] = Limits(
                per_second=row.per_second, per_minute=row.per_minute, per_hour=row.per_hour, per_day=row.per_day
            )
    for row in rows(scope, _HOLDS, values):
        if row.route_id in ways:
            ways[row.route_id].holds[row.domain_group] = row
    return decide(ways, sharers)


def decide(ways: Mapping[int, _Way], sharers: int) -> Room:
    """Decide from the ways that are well; pure."""
    if not ways:
        return Room()
    free = {key: way for key, way in ways.items() if WHOLE not in way.holds}
    if not free:
        route, way = min(ways.items(), key=lambda one: one[1].holds[WHOLE].until)
        return Room(0, _wait(route, way.holds[WHOLE], []))
    pace = sum(way.limits.get(WHOLE, Limits()).per_second_at_most for way in free.values())
    room = Room(math.inf if math.isinf(pace) else max(1.0, math.ceil(pace * AHEAD_SECONDS / sharers)))
    for group in {group for way in free.values() for group in way.holds}:
        held = [(key, way.holds[group]) for key, way in free.items() if group in way.holds]
        if len(held) == len(free):
            route, first = min(held, key=lambda one: one[1].until)
            room.groups[group] = _wait(route, first, [way.limits.get(group, Limits()) for way in free.values()])
    return room


def _wait(route_id: int, hold: Any, limits: Sequence[Limits]) -> Wait:
    pace = sum(one.per_second_at_most for one in limits) if limits else math.inf
    by_limit = timedelta(seconds=1 / pace) if limits and not math.isinf(pace) else timedelta()
    return Wait(hold.until, hold.by, route_id, max(by_limit, BACKOFF_SPACING if hold.by == BACKOFF else LEAST_SPACING))


def put_off(scope: Scope, *, group: str, wait: Wait, message_ids: Sequence[int]) -> None:
    """Have messages for a provider's recipients wait, one after the other. For claims, with the messages locked."""
    span = wait.spacing * len(message_ids)
    found = rows(scope, _NEXT, {"span": span, "route": wait.route_id, "group": group})
    first = found[0].first if found and found[0].first is not None else wait.until
    times = [first + wait.spacing * n for n in range(len(message_ids))]
    reason = f"{'back-off' if wait.by == BACKOFF else 'throttled'}: {group}"
    values = {"tenant": scope.tenant, "reason": reason, "ids": array(message_ids), "times": array(times)}
    rows(scope, _WAIT, values)
