"""What a subscription at Stripe means for a tenant: pure decisions, a function of the present facts and the clock alone.

Nothing here looks at the event that brought the news, so order and repetition of events can't matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from posthouse.billing.money import Money

# How long a tenant goes on sending after a payment fell due and failed; a plan may say otherwise. Stripe's own retries run for two weeks
# by default, so most cards are mended within this time.
GRACE_DAYS = 7


class State(StrEnum):
    """Where a tenant's subscription stands with us."""

    TRIALING = "trialing"
    ACTIVE = "active"
    GRACE = "grace"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why it stands there, for screens and the audit."""

    PAID = "paid"
    TRIAL = "trial"
    PAYMENT_FAILED = "payment_failed"
    GRACE_ENDED = "grace_ended"
    FIRST_PAYMENT_MISSING = "first_payment_missing"
    PAUSED_AT_STRIPE = "paused_at_stripe"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One subscription as Stripe shows it now. `unpaid_since` is when its oldest open invoice was made; None when none is open."""

    subscription_id: str
    status: str
    price_id: str
    price: Money
    created_at: datetime
    period_start: datetime
    period_end: datetime
    unpaid_since: datetime | None = None
    trial_ends_at: datetime | None = None
    cancels_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows. `grace_until` is set in grace and in a pause that followed it."""

    state: State
    reason: Reason
    grace_until: datetime | None = None


# Stripe's statuses that need no clock. `incomplete` has never been paid; after 23 h Stripe itself turns it into `incomplete_expired`.
_PLAIN = {
    "trialing": Decision(state=State.TRIALING, reason=Reason.TRIAL),
    "active": Decision(state=State.ACTIVE, reason=Reason.PAID),
    "incomplete": Decision(state=State.PAUSED, reason=Reason.FIRST_PAYMENT_MISSING),
    "paused": Decision(state=State.PAUSED, reason=Reason.PAUSED_AT_STRIPE),
    "incomplete_expired": Decision(state=State.CANCELLED, reason=Reason.ENDED),
    "canceled": Decision(state=State.CANCELLED, reason=Reason.ENDED),
}
_BEHIND = frozenset({"past_due", "unpaid"})
STATUSES = frozenset(_PLAIN) | _BEHIND

# The better one governs when a customer has several, as after a double click in Checkout or an ended one that was taken out anew.
_RANK = {
    "active": 0,
    "trialing": 1,
    "past_due": 2,
    "unpaid": 3,
    "paused": 4,
    "incomplete": 5,
    "canceled": 6,
    "incomplete_expired": 7,
}


def decide(facts: Facts, *, now: datetime, grace_days: int = GRACE_DAYS) -> Decision | None:
    """Say what a subscription's present facts mean. None for a status that this version doesn't know: then nothing changes."""
    if facts.status not in _BEHIND:
        return _PLAIN.get(facts.status)
    ends = (facts.unpaid_since or facts.period_start) + timedelta(days=grace_days)
    if now < ends:
        return Decision(state=State.GRACE, reason=Reason.PAYMENT_FAILED, grace_until=ends)
    return Decision(state=State.PAUSED, reason=Reason.GRACE_ENDED, grace_until=ends)


def governing(found: Iterable[Facts]) -> Facts | None:
    """Choose the subscription that counts: the best status, then the newest. None when there is none that we understand."""
    known = [facts for facts in found if facts.status in _RANK]
    return min(known, key=lambda facts: (_RANK[facts.status], -facts.created_at.timestamp(), facts.subscription_id), default=None)


def may_send(state: State) -> bool:
    """Say whether a tenant in this state sends. In a pause nothing is lost: contacts, content and what waits all stay."""
    return state in {State.TRIALING, State.ACTIVE, State.GRACE}


def tenant_state(state: State) -> str:
    """Name the tenant's own state that follows, in the words of the tenant directory."""
    if state is State.GRACE:
        return "grace"
    return "active" if may_send(state) else "paused"


def may_check_out(state: State | None) -> bool:
    """Say whether a new subscription may be taken out: not while one is running or only wants paying, or the tenant would pay twice."""
    return state is None or state is State.CANCELLED
