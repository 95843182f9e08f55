"""Reads why a tenant's mail waits although it is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.delivery.models import LaneTenant

_STANDINGS = {
    "slowed": "Mail leaves slowly: too much of what you sent bounced or was called unwanted. See Sending health.",
    "held": "Mail waits for a review: too much of what you sent bounced or was called unwanted. See Sending health.",
    "suspended": "Sending is suspended: far too much of what you sent bounced or was called unwanted. See Sending health.",
}
_SPELLS = {"month": "this month", "day": "today", "hour": "this hour"}


@dataclass(frozen=True, slots=True)
class HoldCard:
    """What holds a stream's mail. `by` is account, no_pool, a grade (slowed, held, suspended), or a layer and period such as tenant:month; `resumes_at` when it is looked at again."""

    stream: str
    by: str
    resumes_at: datetime

    @property
    def sentence(self) -> str:
        """Say it in words that name nobody above the tenant."""
        if self.by == "account":
            return "Mail waits because of the state of your account."
        if self.by == "no_pool":
            return "Mail waits because your provider has not given you a way out yet."
        if self.by in _STANDINGS:
            return _STANDINGS[self.by]
        layer, _, period = self.by.partition(":")
        if layer == "rate":
            return f"Mail waits: the mail servers have sent what they may this {period}." if period else "Mail waits for the mail servers."
        spell = _SPELLS.get(period, "now")
        if layer == "tenant":
            return f"Mail waits: your allowance for {spell} is used up."
        return f"Mail waits: your provider's sending limit for {spell} is reached."

    @property
    def by_allowance(self) -> bool:
        """Whether an allowance holds it, of the tenant or above it."""
        return self.by.partition(":")[0] in {"tenant", "reseller", "operator"}

    @property
    def ends(self) -> bool:
        """Whether `resumes_at` is when mail goes on, rather than only a time to look again."""
        return ":" in self.by or self.by == "slowed"


@dataclass(frozen=True, slots=True)
class LaneCard:
    """The tenant's place in a stream's lane: its share of the pool, and what holds it until when."""

    weight: int
    held_by: str
    resumes_at: datetime | None


def lane_of(scope: Scope, *, stream: str) -> LaneCard:
    """Return the tenant's place in a lane; the plain one where it has sent nothing yet."""
    row = session(scope).get(LaneTenant, (scope.tenant, stream))
    return LaneCard(1, "", None) if row is None else LaneCard(row.weight, row.held_by, row.resumes_at)


def list_holds(scope: Scope) -> list[HoldCard]:
    """List what holds the tenant's mail at this moment, by stream."""
    require(scope, permissions.READ_CAMPAIGNS)
    rows = session(scope).execute(
        sa.select(LaneTenant.stream, LaneTenant.held_by, LaneTenant.resumes_at)
        .where(LaneTenant.tenant_id == scope.tenant, LaneTenant.held_by != "", LaneTenant.resumes_at > clock.now())
        .order_by(LaneTenant.stream)
    )
    return [HoldCard(stream, by, resumes_at) for stream, by, resumes_at in rows if resumes_at is not None]
