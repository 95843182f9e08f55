"""Reads usage against allowances, for display. The ledger in tenants' quotas is the truth; nothing is counted here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from posthouse.billing.permissions import BILLING_READ
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants.quotas import allowances
from posthouse.tenants.quotas import queries as quotas


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLine:
    """One meter in one period: month, day, hour, or always for what is kept. `allowed` and `percent` are None without a limit.

    `used` counts what is reserved at this moment too. `resets_at` is None where nothing starts again.
    """

    meter: str
    period: str
    used: int
    allowed: int | None
    percent: int | None
    resets_at: datetime | None


def usage(scope: Scope) -> list[UsageLine]:
    """Return messages used this month, day and hour, and contacts kept, against what the tenant is allowed."""
    require(scope, BILLING_READ)
    kept = allowances.contacts(scope)
    contacts = UsageLine(
        meter="contacts",
        period="always",
        used=kept.stored,
        allowed=kept.allowed,
        percent=percent(kept.stored, kept.allowed),
        resets_at=None,
    )
    messages = [
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
    return [*messages, contacts]


def percent(used: int, allowed: int | None) -> int | None:
    """Return the share used, rounded down so that 100 is shown only when nothing is left; None without a limit."""
    if allowed is None:
        return None
    return 100 if used >= allowed else used * 100 // allowed
