"""Set limits, and count what is taken against those per hour and day: exactly, whatever dies, for it is kept in PostgreSQL."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from posthouse.platform import audit, clock
from posthouse.platform.db import session
from posthouse.platform.errors import missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending.pools import permissions
from posthouse.sending.pools.models import Route
from posthouse.sending.rates import rules, slots
from posthouse.sending.rates.models import RouteHold, RouteLimit
from posthouse.sending.rates.quick import Granted
from posthouse.sending.rates.rules import LASTING, WHOLE, Limits

# One taker at a time for a route and group: the sum below must see what the others took.
_ALONE = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
_USED = sa.text(
    "SELECT coalesce(sum(used), 0) AS used, min(bucket) AS first FROM route_spent"
    " WHERE route_id = :route AND domain_group = :group AND period = :period AND bucket >= :since AND used > 0"
)
_ADD = sa.text(
    "INSERT INTO route_spent (route_id, domain_group, period, bucket, used) SELECT :route, :group, :period, :bucket, :amount"
    " WHERE EXISTS (SELECT 1 FROM route r WHERE r.id = :route)"
    " ON CONFLICT (route_id, domain_group, period, bucket) DO UPDATE SET used = route_spent.used + excluded.used"
)
_BACK = sa.text(
    "UPDATE route_spent SET used = greatest(0, used - :amount)"
    " WHERE route_id = :route AND domain_group = :group AND period = :period AND bucket = :bucket"
)
_HOLD = sa.text(
    'INSERT INTO route_hold (route_id, domain_group, "by", since, "until", failures, said)'
    " SELECT :route, :group, :by, :now, :until, :failures, :said WHERE EXISTS (SELECT 1 FROM route r WHERE r.id = :route)"
    ' ON CONFLICT (route_id, domain_group) DO UPDATE SET "by" = excluded."by", "until" = excluded."until", said = excluded.said,'
    ' failures = excluded.failures, since = CASE WHEN route_hold."until" < :now THEN excluded.since ELSE route_hold.since END'
)
_FORGET = sa.text("DELETE FROM route_spent WHERE period = :period AND bucket < :before")


def set_limits(scope: Scope, *, route_id: int, limits: Limits, group: str = WHOLE) -> None:
    """Say what a route may do, to everybody or to one provider's recipients; workers notice within seconds. Raises: Invalid, Missing."""
    require(scope, permissions.MANAGE)
    live = session(scope)
    if live.get(Route, route_id) is None:
        raise missing("route")
    checked = rules.check(limits)
    # What rests because of the former limits is looked at anew.
    live.execute(sa.delete(RouteHold).where(RouteHold.route_id == route_id, RouteHold.domain_group == group))
    if checked.empty:
        live.execute(sa.delete(RouteLimit).where(RouteLimit.route_id == route_id, RouteLimit.domain_group == group))
    else:
        statement = insert(RouteLimit).values(route_id=route_id, domain_group=group, **asdict(checked))
        live.execute(statement.on_conflict_do_update(index_elements=["route_id", "domain_group"], set_=asdict(checked)))
    given = {name: value for name, value in asdict(checked).items() if value is not None}
    audit.record(scope, verb="route.limited", subject="route", subject_id=route_id, group=group, **given)


def take(scope: Scope, *, route_id: int, group: str, limits: Limits, wanted: int) -> Granted:
    """Take up to `wanted` permits against the limits per hour and day; what isn't used within a minute is to be given back. For workers."""
    periods = [period for period in LASTING if period in limits.rates]
    if not periods:
        return Granted(wanted)
    now, part = clock.now(), {"route": route_id, "group": group}
    live = session(scope)
    live.execute(_ALONE, {"key": f"route:{route_id}:{group}"})
    amount, tight = min(wanted, limits.lot), ("", 0.0)
    for period in periods:
        row = live.execute(_USED, {**part, "period": period, "since": rules.counted_from(now, period)}).one()
        amount = min(amount, limits.rates[period] - int(row.used))
        if row.used >= limits.rates[period]:
            tight = max(tight, (period, (rules.free_at(row.first, period) - now).total_seconds()), key=lambda one: one[1])
    if amount < 1:
        return Granted(0, *tight)
    for period in periods:
        live.execute(_ADD, {**part, "period": period, "bucket": rules.bucket_of(now, period), "amount": amount})
    return Granted(amount)


def give_back(scope: Scope, *, route_id: int, group: str, limits: Limits, amount: int, taken_at: datetime) -> None:
    """Return permits that weren't used. To be called once for a lot. For workers."""
    for period in LASTING:
        if period in limits.rates:
            bucket = rules.bucket_of(taken_at, period)
            session(scope).execute(_BACK, {"route": route_id, "group": group, "period": period, "bucket": bucket, "amount": amount})


def note_hold(scope: Scope, *, route_id: int, group: str, by: str, until: datetime, failures: int = 0, said: str = "") -> None:
    """Note that a route, or its share for a provider, rests: `by` a period, or backoff with what the provider `said`. For workers."""
    values = {"route": route_id, "group": group, "by": by, "until": until, "failures": failures, "said": said[:300], "now": clock.now()}
    session(scope).execute(_HOLD, values)


def end_hold(scope: Scope, *, route_id: int, group: str) -> None:
    """Note that it goes on. Harmless where nothing rested. For workers."""
    where = (RouteHold.route_id == route_id, RouteHold.domain_group == group)
    session(scope).execute(sa.update(RouteHold).where(*where).values(until=clock.now(), failures=0))


def forget(scope: Scope) -> None:
    """Delete what counts no more. May be repeated."""
    now = clock.now()
    for period in LASTING:
        session(scope).execute(_FORGET, {"period": period, "before": rules.counted_from(now, period)})
    slots.forget(scope)
