"""Forecast a campaign: before it starts, and while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.campaigns import report
from posthouse.sending.campaigns.queries import get_campaign
from posthouse.sending.campaigns.rules import State
from posthouse.sending.delivery.holds import LaneCard, lane_of
from posthouse.sending.forecast.ceilings import PROVIDER, Day, RouteFacts, Spent, ceilings, pace_cap
from posthouse.sending.forecast.meters import Limit
from posthouse.sending.forecast.rules import Forecast, Neighbour, forecast
from posthouse.sending.mailboxes.queries import groups_of
from posthouse.sending.pools.queries import offered, pool_of_tenant
from posthouse.sending.rates.rules import Limits
from posthouse.sending.warmup.rules import Stage
from posthouse.tenants.lists.queries import count_subscribed, sample_domains
from posthouse.tenants.quotas import queries as quotas
from posthouse.tenants.quotas.rules import Period, window_end

STREAM = "marketing"
SAMPLE = 2_000  # of a list's people, from whom the mixture of mailbox providers is taken
_PACE = sa.text("SELECT sending_pool_pace(:pool, :at)")
_NEIGHBOURS = sa.text("SELECT o_weight, o_waiting FROM sending_neighbours(:pool, :tenant)")
_ROUTES = sa.text("SELECT o_stages, o_limits, o_spent, o_days FROM sending_pool_routes(:pool, :at)")
_OVER = frozenset({State.STOPPED, State.FINISHED})


@dataclass(frozen=True, slots=True)
class Wait:
    """A stretch in which a limit holds everything. `limit` is month, day, hour, provider for one above the tenant, or warmup."""

    limit: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastCard:
    """`done_at` None: no end within 400 days, a limit allows too little. `per_second` is what the pool carries for all its tenants."""

    waiting: int
    per_second: float
    done_at: datetime | None
    seconds: int | None
    waits: tuple[Wait, ...]


def forecast_campaign(scope: Scope, campaign_id: int) -> ForecastCard | None:
    """Forecast a draft or a running campaign; None where there is nothing to forecast: it is over, has no list or nobody waits, or the
    pool's pace isn't known yet (it is a minute after the first mail ever). Raises: Missing.
    """
    require(scope, permissions.READ_CAMPAIGNS)
    card = get_campaign(scope, campaign_id)
    waiting = _waiting(scope, campaign_id, State(card.state), card.list_id)
    pool_id = _pool_of(scope, card.pool_id)
    if not waiting or pool_id is None:
        return None
    now = clock.now()
    per_second = session(scope).execute(_PACE, {"pool": pool_id, "at": now}).scalar_one()
    if not per_second:
        return None
    lane = lane_of(scope, stream=STREAM)
    routes = [_facts(row) for row in session(scope).execute(_ROUTES, {"pool": pool_id, "at": now})]
    shares = _shares(scope, card.list_id) if any(route.by_group for route in routes) else {}
    per_second = min(per_second, pace_cap(routes, shares))
    found = forecast(
        now=now,
        waiting=waiting,
        per_second=per_second,
        weight=lane.weight,
        neighbours=[Neighbour(row.o_weight, row.o_waiting) for row in session(scope).execute(_NEIGHBOURS, _key(scope, pool_id))],
        limits=[*_own_limits(scope), *_above(lane, now), *ceilings(routes, shares, now)],
    )
    return _card(waiting, per_second, now, found)


def _waiting(scope: Scope, campaign_id: int, state: State, list_id: int | None) -> int:
    if state in _OVER or list_id is None:
        return 0
    if state is State.DRAFT:
        return count_subscribed(scope).get(list_id, 0)
    return report.get_report(scope, campaign_id).waiting


def _pool_of(scope: Scope, chosen: int | None) -> int | None:
    """Return the pool that was chosen for the campaign as long as it is offered, else the tenant's."""
    if chosen is not None and chosen in {one.pool_id for one in offered(scope)}:
        return chosen
    return pool_of_tenant(scope, stream=STREAM)


def _key(scope: Scope, pool_id: int) -> dict[str, int]:
    return {"pool": pool_id, "tenant": scope.tenant}


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


def _shares(scope: Scope, list_id: int | None) -> dict[str, float]:
    """Say which part of a list's people each mailbox provider has, from a sample."""
    counts = sample_domains(scope, list_id, most=SAMPLE) if list_id is not None else {}
    named, everybody = groups_of(scope, counts, ask=False), sum(counts.values())
    found: dict[str, float] = {}
    for domain, count in counts.items():
        found[named[domain]] = found.get(named[domain], 0.0) + count / everybody
    return found


def _own_limits(scope: Scope) -> list[Limit]:
    return [
        Limit(
            name=card.period,
            left=float(card.remaining or 0),
            size=float(card.allowed),
            resets_at=card.resets_at,
            following=partial(window_end, Period(card.period)),
        )
        for card in quotas.state(scope)
        if card.allowed is not None
    ]


def _above(lane: LaneCard, now: datetime) -> list[Limit]:
    """A limit above the tenant is not shown to it in figures, only that it holds now, and until when."""
    if lane.resumes_at is None or lane.resumes_at <= now or not lane.held_by.startswith(("reseller:", "operator:")):
        return []
    return [Limit(name=PROVIDER, left=0, size=float("inf"), resets_at=lane.resumes_at, following=lambda at: at + timedelta(days=365))]


def _card(waiting: int, per_second: float, now: datetime, found: Forecast) -> ForecastCard:
    return ForecastCard(
        waiting=waiting,
        per_second=per_second,
        done_at=found.done_at,
        seconds=None if found.done_at is None else round((found.done_at - now).total_seconds()),
        waits=tuple(Wait(*one) for one in found.waits),
    )
