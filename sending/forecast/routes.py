"""Reads what a pool's routes may do and have done, and what it carries."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.scope import Scope
from posthouse.sending.forecast.ceilings import Day, RouteFacts, Spent
from posthouse.sending.rates.rules import Limits
from posthouse.sending.warmup.rules import Stage

STREAM = "marketing"
_PACE = sa.text("SELECT sending_pool_pace(:pool, :at, :busy)")
_ROUTES = sa.text("SELECT o_stages, o_limits, o_spent, o_days FROM sending_pool_routes(:pool, :at)")


def routes_of(scope: Scope, pool_id: int) -> list[RouteFacts]:
    """Return a pool's live routes, with warm ones of the pool for its overflow where all of its own are being warmed."""
    return [_facts(row) for row in session(scope).execute(_ROUTES, {"pool": pool_id, "at": clock.now()})]


def pace_of(scope: Scope, pool_id: int, *, busy: bool) -> float:
    """Return how many messages a second a pool carries; 0 where nobody knows.

    While it is `busy` that is what it carried in the busiest of the last minutes. One that has little to do carries less than it could: then it
    is the busiest minute of a week.
    """
    found: float | None = session(scope).execute(_PACE, {"pool": pool_id, "at": clock.now(), "busy": busy}).scalar_one()
    return found or 0.0


def _facts(row: Any) -> RouteFacts:
    return RouteFacts(
        stages=None if row.o_stages is None else tuple(row.o_stages),
        limits={
            group: Limits(per_second=second, per_minute=minute, per_hour=hour, per_day=day)
            for group, second, minute, hour, day in row.o_limits or ()
        },
        spent=tuple(Spent(group, period, datetime.fromtimestamp(at, UTC), used) for group, period, at, used in row.o_spent or ()),
        days={group: Day(date.fromisoformat(day), Stage(stage, allowed), used) for group, day, stage, allowed, used in row.o_days or ()},
    )
