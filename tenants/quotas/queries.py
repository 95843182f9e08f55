"""Read how much may be sent, how much was, and when it goes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Reach, Scope
from posthouse.tenants.permissions import READ_TENANTS
from posthouse.tenants.quotas import permissions
from posthouse.tenants.quotas.ledger import read_windows
from posthouse.tenants.quotas.models import TenantQuotaWindow
from posthouse.tenants.quotas.rules import Layer, Period, Window, window_start

_ORDER = {Period.MONTH: 0, Period.DAY: 1, Period.HOUR: 2}


@dataclass(frozen=True, slots=True)
class QuotaCard:
    """One limit's state. `allowed` and `remaining` None: no limit. `full`: nothing more is granted until `resets_at`."""

    layer: str
    period: str
    allowed: int | None
    used: int
    reserved: int
    remaining: int | None
    full: bool
    starts_at: datetime
    resets_at: datetime


@dataclass(frozen=True, slots=True)
class UsageCard:
    """What was used in one past or present window."""

    period: str
    starts_at: datetime
    used: int


def state(scope: Scope) -> list[QuotaCard]:
    """Return month, day and hour of the scope's own layer: a tenant sees its own, never what others above it may do."""
    layer, owner = _own(scope)
    windows = read_windows(session(scope), layer, owner, clock.now())
    return [_card(window) for window in sorted(windows, key=lambda window: _ORDER[window.period])]


def state_of_reseller(scope: Scope, reseller_id: int) -> list[QuotaCard]:
    """Return month, day and hour of all of a reseller's tenants together, for the operator who sets them."""
    require(scope, permissions.READ_OPERATOR)
    return [_card(window) for window in read_windows(session(scope), Layer.RESELLER, reseller_id, clock.now())]


def used_up(scope: Scope) -> QuotaCard | None:
    """Return the tenant's own limit of which nothing is left, the one that lasts longest; None where there is none.

    Needs no permission: whoever sends may hear why it is refused.
    """
    cards = [_card(window) for window in read_windows(session(scope), Layer.TENANT, scope.tenant, clock.now())]
    return max((card for card in cards if card.full), key=lambda card: card.resets_at, default=None)


@dataclass(frozen=True, slots=True)
class OverviewCard:
    """One tenant's use as its reseller sees it: messages this month, on their way included, and contacts. None is no limit."""

    used: int
    allowed: int | None
    contacts_stored: int
    contacts_allowed: int | None


def overview(scope: Scope) -> dict[int, OverviewCard]:
    """Return what each of the reseller's tenants has used, by tenant."""
    require(scope, READ_TENANTS)
    month = window_start(Period.MONTH, clock.now())
    rows = session(scope).execute(sa.text("SELECT * FROM quota_overview(:month)"), {"month": month})
    return {row[0]: OverviewCard(*row[1:]) for row in rows}


def tightest(cards: Iterable[QuotaCard]) -> QuotaCard | None:
    """Return the limit that leaves least, which is the one that binds first; of equal ones the one that ends last; None without limits."""
    limited = [card for card in cards if card.remaining is not None]
    return min(limited, key=lambda card: (card.remaining or 0, -card.resets_at.timestamp()), default=None)


def usage(scope: Scope, *, period: str, since: datetime) -> list[UsageCard]:
    """Return the tenant's used messages per window of `period` that started at or after `since`, oldest first."""
    require(scope, permissions.READ)
    query = (
        sa.select(TenantQuotaWindow.period, TenantQuotaWindow.starts_at, TenantQuotaWindow.used)
        .where(TenantQuotaWindow.tenant_id == scope.tenant, TenantQuotaWindow.period == period, TenantQuotaWindow.starts_at >= since)
        .order_by(TenantQuotaWindow.starts_at)
    )
    return [UsageCard(*row) for row in session(scope).execute(query)]


def _own(scope: Scope) -> tuple[Layer, int | None]:
    if scope.reach is Reach.TENANT:
        require(scope, permissions.READ)
        return Layer.TENANT, scope.tenant
    if scope.reach is Reach.RESELLER:
        require(scope, permissions.READ_RESELLER)
        return Layer.RESELLER, scope.reseller
    require(scope, permissions.READ_OPERATOR)
    return Layer.OPERATOR, None


def _card(window: Window) -> QuotaCard:
    return QuotaCard(
        window.layer.value,
        window.period.value,
        window.allowed,
        window.used,
        window.reserved,
        window.remaining,
        window.remaining == 0,
        window.starts_at,
        window.resets_at,
    )
