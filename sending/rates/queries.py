"""Read limits, what is used of them at this moment, and what rests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending.pools import permissions
from posthouse.sending.rates import rules
from posthouse.sending.rates.models import RouteHold, RouteLimit, RouteSpent, RouteUse
from posthouse.sending.rates.rules import LASTING, Limits

ByGroup = dict[str, Limits]


@dataclass(frozen=True, slots=True)
class UsedCard:
    """What is used of a limit per hour or day at this moment."""

    group: str
    period: str
    used: int
    allowed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldCard:
    """What rests, since when and until when. `by` is a period (second, minute, hour, day) or backoff; `said`: by the provider."""

    route_id: int
    group: str
    by: str
    since: datetime
    until: datetime
    failures: int
    said: str


def limits_of(scope: Scope, route_ids: Sequence[int]) -> dict[int, ByGroup]:
    """Return the limits of routes by group; a route or group without any is left out."""
    names = [one.name for one in fields(Limits)]
    query = sa.select(RouteLimit).where(RouteLimit.route_id.in_(route_ids)).order_by(RouteLimit.route_id, RouteLimit.domain_group)
    found: dict[int, ByGroup] = {}
    for row in session(scope).scalars(query):
        found.setdefault(row.route_id, {})[row.domain_group] = Limits(**{name: getattr(row, name) for name in names})
    return found


def used_of(scope: Scope, *, route_id: int, limits: ByGroup) -> list[UsedCard]:
    """Return what is used of a route's limits per hour and day; lots that workers hold count as used."""
    require(scope, permissions.MANAGE)
    now = clock.now()
    found = []
    for group, of_group in limits.items():
        for period in LASTING:
            if period in of_group.rates:
                query = sa.select(sa.func.coalesce(sa.func.sum(RouteSpent.used), 0)).where(
                    RouteSpent.route_id == route_id,
                    RouteSpent.domain_group == group,
                    RouteSpent.period == period,
                    RouteSpent.bucket >= rules.counted_from(now, period),
                )
                found.append(UsedCard(group, period, int(session(scope).execute(query).scalar_one()), of_group.rates[period]))
    return found


def connections_of(scope: Scope, route_ids: Sequence[int]) -> dict[int, int]:
    """Return how many connections are open by routes, as their workers said in the last seconds."""
    require(scope, permissions.MANAGE)
    query = sa.select(RouteUse.route_id, sa.func.sum(RouteUse.connections)).group_by(RouteUse.route_id)
    query = query.where(RouteUse.route_id.in_(route_ids), RouteUse.domain_group == rules.WHOLE, RouteUse.until > sa.func.now())
    return {row[0]: int(row[1]) for row in session(scope).execute(query)}


def holds_of(scope: Scope, route_ids: Sequence[int]) -> list[HoldCard]:
    """List what rests of routes at this moment."""
    require(scope, permissions.MANAGE)
    return _holds(scope, route_ids)


def standing_holds(scope: Scope, route_ids: Sequence[int]) -> list[HoldCard]:
    """List what rests of routes at this moment. For workers."""
    return _holds(scope, route_ids)


def _holds(scope: Scope, route_ids: Sequence[int]) -> list[HoldCard]:
    query = sa.select(RouteHold).where(RouteHold.route_id.in_(route_ids), RouteHold.until > clock.now())
    return [
        HoldCard(
            route_id=row.route_id,
            group=row.domain_group,
            by=row.by,
            since=row.since,
            until=row.until,
            failures=row.failures,
            said=row.said,
        )
        for row in session(scope).scalars(query.order_by(RouteHold.route_id, RouteHold.domain_group))
    ]
