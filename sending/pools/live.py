"""How routes do at this moment: what they sent of late, and how servers put off or refused, in their words; for the operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending.pools import permissions
from posthouse.sending.pools.models import RouteReply
from posthouse.sending.pools.rules import ANSWERS_KEPT

_FIGURES = sa.text(
    "SELECT route_id, coalesce(sum(sent) FILTER (WHERE minute >= :recent), 0) AS lately,"
    " coalesce(sum(sent) FILTER (WHERE minute > :hour), 0) AS hour, coalesce(sum(sent), 0) AS day,"
    " coalesce(sum(deferred) FILTER (WHERE minute > :hour), 0) AS deferred, coalesce(sum(refused) FILTER (WHERE minute > :hour), 0) AS refused,"
    " coalesce(sum(lost) FILTER (WHERE minute > :hour), 0) AS lost"
    " FROM route_tally WHERE route_id = ANY (:routes) AND minute > :day GROUP BY route_id"
)


@dataclass(frozen=True, slots=True)
class FiguresCard:
    """What a route sent: a minute at present (over the last one to two), in the last hour and day; and what went otherwise in the hour."""

    per_minute: float = 0.0
    hour: int = 0
    day: int = 0
    deferred: int = 0
    refused: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class ReplyCard:
    """How a server put off (4xx) or refused (5xx) messages to one mailbox provider, without addresses, and how often since when."""

    group: str
    code: int
    text: str
    count: int
    first_at: datetime
    last_at: datetime


def figures_of(scope: Scope, route_ids: Sequence[int]) -> dict[int, FiguresCard]:
    """Return what routes sent of late; a route that sent nothing has zeros."""
    require(scope, permissions.MANAGE)
    now = clock.now()
    recent = now.replace(second=0, microsecond=0) - timedelta(minutes=1)
    seconds = (now - recent).total_seconds()
    values = {"routes": list(route_ids), "recent": recent, "hour": now - timedelta(hours=1), "day": now - ANSWERS_KEPT}
    found = {
        row.route_id: FiguresCard(row.lately * 60 / seconds, row.hour, row.day, row.deferred, row.refused, row.lost)
        for row in session(scope).execute(_FIGURES, values)
    }
    return {route_id: found.get(route_id, FiguresCard()) for route_id in route_ids}


def replies_of(scope: Scope, *, route_id: int, most: int = 12) -> list[ReplyCard]:
    """List how servers put off or refused in the last 24 hours, the latest first."""
    require(scope, permissions.MANAGE)
    names = (RouteReply.domain_group, RouteReply.code, RouteReply.text, RouteReply.count, RouteReply.first_at, RouteReply.last_at)
    query = sa.select(*names).where(RouteReply.route_id == route_id, RouteReply.last_at > clock.now() - ANSWERS_KEPT)
    return [ReplyCard(*row) for row in session(scope).execute(query.order_by(RouteReply.last_at.desc()).limit(most))]
