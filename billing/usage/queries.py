"""Reads usage against allowances, for display. The ledger in tenants' quotas is the truth; nothing is counted here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from posthouse.billing.permissions import BILLING_READ
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants.quotas import queries as quotas


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLine:
    """One meter in one period. `allowed` and `percent` are None without a limit; `used` counts what is reserved at this moment too."""

    meter: str
    period: str
    used: int
    allowed: int | None
    percent: int | None
    resets_at: datetime


def usage(scope: Scope) -> list[UsageLine]:
    """Return messages used this month, day and hour against what the tenant is allowed."""
    require(scope, BILLING_READ)
    return [
        UsageLine(
            meter="messages",
            period=card.period,
            used=card.used + card.reserved,
            allowed=card.allowed,
            percent=percent(card.used + card.reserved, card.allowed),
            resets_at=card.resets_at,
        )
        for card in quotas.state(scope)
    ]


def percent(used: int, allowed: int | None) -> int | None:
    """Return the share used, rounded down so that 100 is shown only when nothing is left; None without a limit."""
    if allowed is None:
        return None
    return 100 if used >= allowed else used * 100 // allowed
