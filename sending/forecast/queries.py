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
from posthouse.sending.forecast.exits import Way, by_provider, neighbours_of, parts_of, routes_by_pool, way
from posthouse.sending.forecast.meters import Calendar
from posthouse.sending.forecast.routes import STREAM
from posthouse.sending.forecast.rules import PROVIDER, Forecast, Limit, forecast
from posthouse.sending.mailboxes.queries import groups_of
from posthouse.tenants.lists.queries import count_subscribed, sample_domains
from posthouse.tenants.quotas import queries as quotas
from posthouse.tenants.quotas.rules import Period, window_end

_KNOWN_AFTER = timedelta(minutes=2)
SAMPLE = 2_000  # of a list's people, from whom the mixture of mailbox providers is taken
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
    """`done_at` None: no end within 400 days, a limit allows too little. `per_second` is what its pools carry for all their tenants.

    `late`: of so few it is not certain whether they miss the window before the last wait; all the others have left when that wait begins.
    """

    waiting: int
    per_second: float
    done_at: datetime | None
    seconds: int | None
    waits: tuple[Wait, ...]
    late: int


def forecast_campaign(scope: Scope, campaign_id: int) -> ForecastCard | None:
    """Forecast a draft or a running campaign; None where there is nothing to forecast: it is over, has no list or nobody waits, or the
    pace of one of its pools isn't known yet (it is a minute after the first mail ever). Raises: Missing.
    """
    require(scope, permissions.READ_CAMPAIGNS)
    card = get_campaign(scope, campaign_id)
    waiting = _waiting(scope, campaign_id, State(card.state), card.list_id)
    if not waiting:
        return None
    now, lane = clock.now(), lane_of(scope, stream=STREAM)
    ways = _ways(scope, card, waiting, now)
    if not ways:
        return None
    limits = [*_own_limits(scope, now), *_above(lane, now)]
    found = forecast(now=now, exits=[one.exit for one in ways], weight=lane.weight, limits=limits)
    found = _not_before(found, _last_try(scope, campaign_id))
    return _card(waiting, sum(one.per_second for one in ways), now, found)


def _last_try(scope: Scope, campaign_id: int) -> datetime | None:
    found: datetime | None = session(scope).execute(_LAST_TRY, {"tenant": scope.tenant, "campaign": campaign_id}).scalar()
    return found


def _not_before(found: Forecast, last_try: datetime | None) -> Forecast:
    """Nothing is done before what was put off has been tried again; what never ends stays so."""
    if found.done_at is None or last_try is None or last_try <= found.done_at:
        return found
    return replace(found, done_at=last_try, late=0)


def _ways(scope: Scope, card: CampaignCard, waiting: int, now: datetime) -> list[Way]:
    """Return what leaves by each of the campaign's pools; empty where that isn't known of all of them."""
    parts = parts_of(scope, card.id, _shares(scope, card) if by_provider(scope) else {})
    routes = routes_by_pool(scope, parts)
    if len(parts) == 1 and any(route.by_group for found in routes.values() for route in found):
        parts = parts_of(scope, card.id, _shares(scope, card))
    at_work, neighbours = _at_work(card, now), neighbours_of(scope, parts)
    found = [
        way(scope, part, waiting, others, routes.get(part.pool_id or 0, []), at_work=at_work)
        for part, others in zip(parts, neighbours, strict=True)
    ]
    return [one for one in found if one is not None] if None not in found else []


def _at_work(card: CampaignCard, now: datetime) -> bool:
    """Say whether a campaign has been sending for so long that a whole minute of it is known."""
    return card.state in RUNNING and card.started_at is not None and card.started_at <= now - _KNOWN_AFTER


def _waiting(scope: Scope, campaign_id: int, state: State, list_id: int | None) -> int:
    if state in _OVER or list_id is None:
        return 0
    if state is State.DRAFT:
        return count_subscribed(scope).get(list_id, 0)
    return report.get_report(scope, campaign_id).waiting


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
        late=found.late,
    )
