"""Start and end warm-ups, and share a claim's messages out so that no route ever sends more than its stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from posthouse.platform import audit, clock
from posthouse.platform.db import session
from posthouse.platform.errors import Conflict, missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending.mailboxes.queries import groups_of
from posthouse.sending.pools import permissions
from posthouse.sending.pools.models import Pool, Route
from posthouse.sending.pools.services import DEDICATED
from posthouse.sending.warmup import rules
from posthouse.sending.warmup.models import Warmup
from posthouse.sending.warmup.rules import Stage

Part = tuple[int, str]  # a route and a group

# The pool's open routes: those that warm with their stages, and what weight the warm ones have, else the overflow pool's.
_AROUND = sa.text(
    "SELECT r.id, r.weight, w.stages, r.pool_id = :pool AS own, coalesce(r.parked_until <= :now, true) AS well"
    " FROM route r LEFT JOIN warmup w ON w.route_id = r.id JOIN pool p ON p.id = r.pool_id"
    " WHERE r.state = 'active' AND p.state = 'active'"
    " AND (r.pool_id = :pool OR r.pool_id = (SELECT o.overflow_pool_id FROM pool o WHERE o.id = :pool))"
)
_LAST = sa.text(
    "SELECT DISTINCT ON (d.route_id, d.domain_group) d.route_id, d.domain_group, d.day, d.stage, d.allowed, d.used FROM warmup_day d"
    " JOIN unnest(CAST(:routes AS bigint[]), CAST(:groups AS text[])) AS u (route_id, domain_group)"
    " ON d.route_id = u.route_id AND d.domain_group = u.domain_group WHERE d.day <= :day"
    " ORDER BY d.route_id, d.domain_group, d.day DESC"
)
_OPEN = sa.text(
    "INSERT INTO warmup_day (route_id, domain_group, day, stage, allowed)"
    " VALUES (:route, :group, :day, :stage, :allowed) ON CONFLICT (route_id, domain_group, day) DO NOTHING"
)
# Locked in one order by everybody, so that two claims can't wait for each other.
_LOCK = sa.text(
    "SELECT d.route_id, d.domain_group, d.allowed, d.used FROM warmup_day d"
    " JOIN unnest(CAST(:routes AS bigint[]), CAST(:groups AS text[])) AS u (route_id, domain_group)"
    " ON d.route_id = u.route_id AND d.domain_group = u.domain_group WHERE d.day = :day"
    " ORDER BY d.route_id, d.domain_group FOR UPDATE OF d"
)
_ADD = sa.text(
    "UPDATE warmup_day d SET used = d.used + u.amount"
    " FROM unnest(CAST(:routes AS bigint[]), CAST(:groups AS text[]), CAST(:amounts AS bigint[])) AS u (route_id, domain_group, amount)"
    " WHERE d.route_id = u.route_id AND d.domain_group = u.domain_group AND d.day = :day"
)
_HOLD = sa.text(
    "INSERT INTO warmup_hold (tenant_id, lease_id, route_id, domain_group, day, amount) SELECT :tenant, :lease, u.route_id, u.domain_group,"
    " :day, u.amount FROM unnest(CAST(:routes AS bigint[]), CAST(:groups AS text[]), CAST(:amounts AS bigint[]))"
    " AS u (route_id, domain_group, amount)"
)
_UNHOLD = sa.text("DELETE FROM warmup_hold WHERE tenant_id = :tenant AND lease_id = :lease RETURNING route_id, domain_group, day, amount")
# Each keeps its part of a second: of a million that begin in the same instant every lease would look through all to find its own.
_WAIT = sa.text(
    "UPDATE message SET not_before = CAST(:until AS timestamptz) + (not_before - date_trunc('second', not_before)), reason = 'warm-up'"
    " WHERE tenant_id = :tenant AND id = ANY (:ids)"
)
# Where everything that was picked waits, so does more of the same: it is put off with it, instead of being picked first. Found anew by an
# array of ids, so that no planner reads all of a tenant that it doesn't know.
_MORE = 5_000
_WAIT_TOO = sa.text(
    "UPDATE message SET not_before = CAST(:until AS timestamptz) + (not_before - date_trunc('second', not_before)), reason = 'warm-up'"
    " WHERE tenant_id = :tenant AND id = ANY (ARRAY(SELECT m.id FROM message m WHERE m.tenant_id = :tenant AND m.campaign_id = :campaign"
    " AND m.state = 'queued' AND m.not_before <= :now AND m.domain = ANY (:domains) ORDER BY m.not_before LIMIT :most"
    " FOR UPDATE SKIP LOCKED))"
)


@dataclass(slots=True)
class Sharing:
    """How a claim's messages are shared out. `routes` names the warming route that alone may send a message; none: any warm one."""

    routes: dict[int, int] = field(default_factory=dict)
    parts: dict[int, Part] = field(default_factory=dict)
    waiting: list[Any] = field(default_factory=list)
    day: date | None = None
    until: datetime | None = None


def start(scope: Scope, *, route_id: int, stages: Sequence[int]) -> None:
    """Warm a route by these stages, from today's first; a warm-up that runs begins anew. Raises: Invalid, Missing."""
    require(scope, permissions.MANAGE)
    if session(scope).get(Route, route_id) is None:
        raise missing("route")
    checked = rules.read_stages(" ".join(map(str, stages)))
    end(scope, route_id=route_id)
    session(scope).execute(sa.text("DELETE FROM warmup_day WHERE route_id = :route"), {"route": route_id})
    session(scope).add(Warmup(route_id=route_id, stages=list(checked), started_at=clock.now()))
    session(scope).flush()
    audit.record(scope, verb="warmup.started", subject="route", subject_id=route_id, stages=list(checked))


def end(scope: Scope, *, route_id: int) -> None:
    """End a route's warm-up: from now on it sends what comes. Harmless where there is none."""
    require(scope, permissions.MANAGE)
    row = session(scope).get(Warmup, route_id)
    if row is not None:
        session(scope).delete(row)
        session(scope).flush()
        audit.record(scope, verb="warmup.ended", subject="route", subject_id=route_id)


def set_overflow(scope: Scope, *, pool_id: int, overflow_pool_id: int | None) -> None:
    """Say where mail of a pool goes when all its routes have sent their stage; None: it waits for the next day. Raises: Conflict, Missing."""
    require(scope, permissions.MANAGE)
    row = session(scope).get(Pool, pool_id)
    if row is None or (
        overflow_pool_id is not None and (overflow_pool_id == pool_id or session(scope).get(Pool, overflow_pool_id) is None)
    ):
        raise missing("pool")
    over = session(scope).get(Pool, overflow_pool_id) if overflow_pool_id is not None else None
    if over is not None and over.kind == DEDICATED:
        raise Conflict("pool_dedicated", f"“{over.name}” is for one tenant: other tenants’ mail can’t overflow into it.")
    row.overflow_pool_id = overflow_pool_id
    audit.record(scope, verb="pool.overflow_set", subject="pool", subject_id=pool_id, overflow=overflow_pool_id)


def share_out(scope: Scope, *, pool_id: int, messages: Sequence[Any]) -> Sharing:
    """Share messages (with `id` and `domain`) among a pool's warming routes, and take what they need from the day. For claims.

    What no warming route may send goes by the warm ones; where there are none it is among `waiting`.
    """
    now = clock.now()
    around = session(scope).execute(_AROUND, {"pool": pool_id, "now": now}).all()
    warming = {row.id: row for row in around if row.own and row.stages is not None}
    made = Sharing(day=now.date(), until=rules.tomorrow(now.date()))
    if not warming:
        return made
    warm = [row for row in around if row.own and row.stages is None] or [row for row in around if not row.own and row.stages is None]
    groups: dict[str, list[Any]] = {}
    named = groups_of(scope, [row.domain for row in messages])
    for row in messages:
        groups.setdefault(named[row.domain], []).append(row)
    able = {} if rules.is_quiet(now) else {route: row for route, row in warming.items() if row.well}
    granted = _take(scope, groups, able, sum(row.weight for row in warm if row.own), now.date())
    for group, members in groups.items():
        _assign(made, group, members, {route: granted.get((route, group), 0) for route in able}, wait=not warm)
    return made


def _take(scope: Scope, groups: Mapping[str, Sequence[Any]], able: Mapping[int, Any], beside: int, day: date) -> dict[Part, int]:
    """Take from the day what each route and group gets."""
    parts = sorted((route, group) for route in able for group in groups)
    if not parts:
        return {}
    keys = _arrays(parts)
    _open_days(scope, parts, keys, able, day)
    left: dict[str, dict[int, int | None]] = {group: {} for group in groups}
    for row in session(scope).execute(_LOCK, {**keys, "day": day}):
        left[row.domain_group][row.route_id] = None if row.allowed is None else row.allowed - row.used
    weights = {route: int(row.weight) for route, row in able.items()}
    granted: dict[Part, int] = {}
    for group, members in groups.items():
        for route, count in rules.allot(len(members), left[group], weights, beside).items():
            granted[route, group] = count
    _add(scope, granted, day)
    return granted


def _open_days(scope: Scope, parts: Sequence[Part], keys: dict[str, Any], able: Mapping[int, Any], day: date) -> None:
    """Make the day's rows where there are none yet, a stage further where the last one was sent."""
    last = {(row.route_id, row.domain_group): row for row in session(scope).execute(_LAST, {**keys, "day": day})}
    for part in parts:
        row = last.get(part)
        if row is not None and row.day == day:
            continue
        stage = rules.next_stage(
            able[part[0]].stages, None if row is None else Stage(row.stage, row.allowed), 0 if row is None else row.used
        )
        values = {"route": part[0], "group": part[1], "day": day, "stage": stage.number, "allowed": stage.allowed}
        session(scope).execute(_OPEN, values)


def _assign(made: Sharing, group: str, members: Sequence[Any], granted: Mapping[int, int], *, wait: bool) -> None:
    left = iter(members)
    for route, amount in sorted(granted.items()):
        for _ in range(amount):
            row = next(left)
            made.routes[row.id], made.parts[row.id] = route, (route, group)
    if wait:
        made.waiting.extend(left)


def put_off(scope: Scope, made: Sharing, *, all_wait: bool) -> None:
    """Have what no route may send today wait for tomorrow; where `all_wait` of what was picked, more of their campaigns to their domains."""
    if not made.waiting:
        return
    values = {"tenant": scope.tenant, "until": made.until}
    session(scope).execute(_WAIT, {**values, "ids": [row.id for row in made.waiting]})
    domains: dict[int, set[str]] = {}
    for row in made.waiting if all_wait else ():
        if row.campaign_id is not None:
            domains.setdefault(row.campaign_id, set()).add(row.domain)
    for campaign_id, names in sorted(domains.items()):
        more = {"campaign": campaign_id, "domains": sorted(names), "now": clock.now(), "most": _MORE}
        session(scope).execute(_WAIT_TOO, {**values, **more})


def hold(scope: Scope, made: Sharing, *, lease_id: int, taken: Sequence[Any]) -> None:
    """Note what of the day a lease holds, and give back what was shared out to messages that it didn't take."""
    if not made.parts or made.day is None:
        return
    kept = Counter(made.parts[row.id] for row in taken if row.id in made.parts)
    surplus = Counter(made.parts.values())
    surplus.subtract(kept)
    _add(scope, {part: -count for part, count in surplus.items() if count}, made.day)
    if kept:
        amounts = {**_arrays(sorted(kept)), "amounts": [kept[part] for part in sorted(kept)]}
        session(scope).execute(_HOLD, {**amounts, "tenant": scope.tenant, "lease": lease_id, "day": made.day})


def settle(scope: Scope, *, lease_id: int, tried: Sequence[tuple[int | None, str]]) -> None:
    """Give back what a lease held and didn't use. `tried`: route (None: nobody knows which) and recipient domain of each message that was."""
    rows = session(scope).execute(_UNHOLD, {"tenant": scope.tenant, "lease": lease_id}).all()
    if not rows:
        return
    named = groups_of(scope, [domain for _, domain in tried], ask=False)
    used = Counter((route, named[domain]) for route, domain in tried)
    for day in sorted({row.day for row in rows}):
        unused = {
            (row.route_id, row.domain_group): row.amount - used[row.route_id, row.domain_group] - used[None, row.domain_group]
            for row in rows
            if row.day == day
        }
        back = {part: -amount for part, amount in unused.items() if amount > 0}
        if back:
            session(scope).execute(_LOCK, {**_arrays(sorted(back)), "day": day})
            _add(scope, back, day)


def _add(scope: Scope, amounts: Mapping[Part, int], day: date) -> None:
    parts = [part for part in sorted(amounts) if amounts[part]]
    if parts:
        session(scope).execute(_ADD, {**_arrays(parts), "amounts": [amounts[part] for part in parts], "day": day})


def _arrays(parts: Sequence[Part]) -> dict[str, Any]:
    return {"routes": [route for route, _ in parts], "groups": [group for _, group in parts]}
