"""What happened with money, for rooms above: to tell the tenant, and to tell the reseller."""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.platform.events import Event


@dataclass(frozen=True)
class SubscriptionChanged(Event):
    """A tenant's subscription came to another state or another plan. Emitted in the tenant's scope."""

    before: str | None
    state: str
    reason: str
    plan_id: int
