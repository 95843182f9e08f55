"""Forecast a campaign: before it starts, and while it runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.campaigns import report
from posthouse.sending.campaigns.queries import CampaignCard, get_campaign
from posthouse.sending.campaigns.rules import RUNNING, State
from posthouse.sending.delivery.holds import LaneCard, lane_of
from posthouse.sending.forecast.ceilings import pace_cap, walked
from posthouse.sending.forecast.meters import Calendar
from posthouse.sending.forecast.routes import STREAM, pace_of, pool_of, routes_of
from posthouse.sending.forecast.rules import EVERYBODY, PROVIDER, Forecast, Limit, Neighbour, forecast
from posthouse.sending.mailboxes.queries import groups_of
from posthouse.tenants.lists.queries import count_subscribed, sample_domains
from posthouse.tenants.quotas import queries as quotas
from posthouse.tenants.quotas.rules import Period, window_end

_KNOWN_AFTER = timedelta(minutes=2)
SAMPLE = 2_000  # of a list's people, from whom the mixture of mailbox providers is taken
_NEIGHBOURS = sa.text("SELECT o_weight, o_waiting FROM sending_neighbours(:pool, :tenant)")
# What receivers put off is tried again later; the index of due messages holds the last of them first.
_LAST_TRY = sa.text("SELECT max(not_before) FROM message WHERE tenant_id = :tenant AND campaign_id = :campaign AND state = 'queued'")
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
    pool_id = pool_of(scope, card.pool_id)
    if not waiting or pool_id is None:
        return None
    now = clock.now()
    neighbours = [Neighbour(row.o_weight, row.o_waiting) for row in session(scope).execute(_NEIGHBOURS, _key(scope, pool_id))]
    per_second = pace_of(scope, pool_id, busy=bool(neighbours) or _at_work(card, now))
    if not per_second:
        return None
    lane = lane_of(scope, stream=STREAM)
    routes = routes_of(scope, pool_id)
    shares = (_shares(scope, card) if any(route.by_group for route in routes) else {}) or EVERYBODY
    found = forecast(
        now=now,
        waiting=waiting,
        per_second=per_second,
        weight=lane.weight,
        neighbours=neighbours,
        limits=[*_own_limits(scope, now), *_above(lane, now)],
        routes=walked(routes, tuple(shares), now),
        shares=shares,
    )
    done_at = _at_least(found.done_at, _last_try(scope, campaign_id))
    return _card(waiting, min(per_second, pace_cap(routes, shares)), now, replace(found, done_at=done_at))


def _last_try(scope: Scope, campaign_id: int) -> datetime | None:
    found: datetime | None = session(scope).execute(_LAST_TRY, {"tenant": scope.tenant, "campaign": campaign_id}).scalar()
    return found


def _at_least(done_at: datetime | None, last_try: datetime | None) -> datetime | None:
    """Nothing is done before what was put off has been tried again; what never ends stays so."""
    return done_at if done_at is None or last_try is None else max(done_at, last_try)


def _at_work(card: CampaignCard, now: datetime) -> bool:
    """Say whether a campaign has been sending for so long that a whole minute of it is known."""
    return card.state in RUNNING and card.started_at is not None and card.started_at <= now - _KNOWN_AFTER


def _waiting(scope: Scope, campaign_id: int, state: State, list_id: int | None) -> int:
    if state in _OVER or list_id is None:
        return 0
    if state is State.DRAFT:
        return count_subscribed(scope).get(list_id, 0)
    return report.get_report(scope, campaign_id).waiting


def _key(scope: Scope, pool_id: int) -> dict[str, int]:
    return {"pool": pool_id, "tenant": scope.tenant}


def _shares(scope: Scope, card: CampaignCard) -> dict[str, float]:
    """Say which part of those who wait each mailbox provider has: of a draft's list from a sample, later from the campaign's figures."""
    if card.list_id is None:
        return {}
    if card.state is State.DRAFT:
        counts: Mapping[str, int] = sample_domains(scope, card.list_id, most=SAMPLE)
    else:
        counts = {domain: max(0, report.waiting_of(figures)) for domain, figures in report.by_domain(scope, card.id).items()}
    named, everybody = groups_of(scope, counts, ask=False), sum(counts.values())
    found: dict[str, float] = {}
    for domain, count in counts.items():
        if count:
            found[named[domain]] = found.get(named[domain], 0.0) + count / everybody
    return found


def _own_limits(scope: Scope, now: datetime) -> list[Limit]:
    return [
        Limit(card.period, _calendar(now, card.remaining or 0, card.allowed, card.resets_at, partial(window_end, Period(card.period))))
        for card in quotas.state(scope)
        if card.allowed is not None
    ]


def _above(lane: LaneCard, now: datetime) -> list[Limit]:
    """A limit above the tenant is not shown to it in figures, only that it holds now, and until when."""
    if lane.resumes_at is None or lane.resumes_at <= now or not lane.held_by.startswith(("reseller:", "operator:")):
        return []
    return [Limit(PROVIDER, Calendar(0, math.inf, (lane.resumes_at - now).total_seconds(), lambda _: math.inf))]


def _calendar(now: datetime, left: float, size: float, resets_at: datetime, following: Callable[[datetime], datetime]) -> Calendar:
    def after(seconds: float) -> float:
        return (following(now + timedelta(seconds=seconds)) - now).total_seconds()

    return Calendar(left, size, (resets_at - now).total_seconds(), after)


def _card(waiting: int, per_second: float, now: datetime, found: Forecast) -> ForecastCard:
    return ForecastCard(
        waiting=waiting,
        per_second=per_second,
        done_at=found.done_at,
        seconds=None if found.done_at is None else round((found.done_at - now).total_seconds()),
        waits=tuple(Wait(*one) for one in found.waits),
    )
