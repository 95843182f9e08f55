"""Brings a tenant's subscription to what Stripe shows now, and lets allowances and the tenant's state follow.

Two transactions with Stripe asked in between: `draw` takes a ticket, `settle` records what was seen under it. An answer that was
asked for earlier than the one recorded is dropped, so answers that cross do no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.billing.events import SubscriptionChanged
from posthouse.billing.gateway import vault
from posthouse.billing.plans.queries import PlanCard, get_plan, plans_by_price
from posthouse.billing.subscriptions.models import TenantSubscription
from posthouse.billing.subscriptions.rules import Decision, Facts, Reason, State, decide, governing, tenant_state
from posthouse.platform import audit, events
from posthouse.platform.db import session
from posthouse.platform.scope import Scope
from posthouse.tenants.accounts.queries import own_tenant
from posthouse.tenants.accounts.services import set_state
from posthouse.tenants.quotas.allowances import set_contacts, set_plan, set_weight
from posthouse.tenants.quotas.services import set_allowance

PERIODS = ("month", "day", "hour")

# The tenant's states that payment decides. Suspended and closed are decided by people.
GOVERNED = frozenset({"active", "grace", "paused"})

# What people read beside the tenant's state.
WHY = {
    Reason.PAID: "The subscription is paid.",
    Reason.TRIAL: "The trial is running.",
    Reason.PAYMENT_FAILED: "The last payment failed; sending goes on for the days of grace.",
    Reason.GRACE_ENDED: "The last payment failed and the days of grace are over.",
    Reason.FIRST_PAYMENT_MISSING: "The first payment hasn't come through.",
    Reason.PAUSED_AT_STRIPE: "The subscription is paused.",
    Reason.ENDED: "The subscription has ended.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """The right to record one answer from Stripe, and what it takes to ask."""

    number: int
    customer: str
    access: vault.Access


def draw(scope: Scope) -> Ticket | None:
    """Draw a ticket before Stripe is asked. None when Stripe doesn't know the tenant yet."""
    row = locked(scope)
    if row is None or row.customer is None:
        return None
    row.ticket += 1
    return Ticket(number=row.ticket, customer=row.customer, access=vault.of(scope, row.account_id))


def settle(scope: Scope, ticket: Ticket, found: Sequence[Facts], *, now: datetime) -> str:
    """Record what Stripe showed under a ticket; returns what became of it: changed, unchanged, late, or why it was ignored.

    May be repeated: it sets, and never adds.
    """
    row = locked(scope)
    if row is None or ticket.number <= row.applied_ticket or row.account_id != ticket.access.account_id:
        return "late"
    plans = plans_by_price(scope, row.account_id)
    facts = governing(one for one in found if _priced_by_us(one, plans) or one.subscription_id == row.subscription)
    if facts is None:
        return "nothing_of_ours"
    plan = plans[facts.price_id] if _priced_by_us(facts, plans) else get_plan(scope, _plan_of(row))
    decision = decide(facts, now=now, grace_days=plan.grace_days)
    if decision is None:
        return "unknown_status"
    row.applied_ticket = ticket.number
    return _record(scope, row, facts, plan, decision, now)


def end_grace_by_clock(scope: Scope, *, now: datetime) -> bool:
    """Pause a tenant whose grace is over without asking Stripe, for when Stripe can't be reached; say whether that changed anything."""
    row = locked(scope)
    if row is None or row.state != State.GRACE or row.grace_until is None or now < row.grace_until:
        return False
    decision = Decision(state=State.PAUSED, reason=Reason.GRACE_ENDED, grace_until=row.grace_until)
    _turn(scope, row, get_plan(scope, _plan_of(row)), decision, now)
    return True


def _priced_by_us(facts: Facts, plans: dict[str, PlanCard]) -> bool:
    """Only our tables say what a price means; amount and currency must be those of the plan (threat E5)."""
    plan = plans.get(facts.price_id)
    return plan is not None and plan.price == facts.price


def _plan_of(row: TenantSubscription) -> int:
    if row.plan_id is None:
        raise ValueError("a subscription that was recorded has a plan")
    return row.plan_id


def _record(scope: Scope, row: TenantSubscription, facts: Facts, plan: PlanCard, decision: Decision, now: datetime) -> str:
    row.subscription = facts.subscription_id
    row.period_start, row.period_end = facts.period_start, facts.period_end
    row.trial_ends_at, row.cancels_at = facts.trial_ends_at, facts.cancels_at
    if facts.status in {"active", "trialing"}:
        row.checkout_plan_id = row.checkout_url = row.checkout_expires_at = None
    return "changed" if _turn(scope, row, plan, decision, now) else "unchanged"


def _turn(scope: Scope, row: TenantSubscription, plan: PlanCard, decision: Decision, now: datetime) -> bool:
    """Set state and plan; what follows from a change follows in the same transaction."""
    before, plan_before = row.state, row.plan_id
    same = (before, plan_before) == (decision.state, plan.id)
    row.state, row.reason, row.grace_until, row.plan_id = decision.state, decision.reason, decision.grace_until, plan.id
    if same:
        return False
    row.changed_at = now
    if plan_before != plan.id:
        _allow(scope, plan)
    if before is None or tenant_state(State(before)) != tenant_state(decision.state):
        follow(scope, decision.state, decision.reason)
    audit.record(
        scope,
        verb="subscription.changed",
        subject="subscription",
        subject_id=row.id,
        before=before,
        state=decision.state,
        why=decision.reason,
        plan=plan.id,
    )
    events.emit(scope, SubscriptionChanged(before=before, state=decision.state, reason=decision.reason, plan_id=plan.id))
    return True


def follow(scope: Scope, state: State, reason: Reason) -> None:
    """Bring the tenant's own state to what its subscription means, unless people have suspended or closed it: that is theirs to end."""
    if own_tenant(scope).state in GOVERNED:
        set_state(scope, scope.tenant, tenant_state(state), WHY[reason])


def follow_again(scope: Scope) -> None:
    """Bring the tenant's own state to what the recorded subscription means; nothing without one."""
    row = locked(scope)
    if row is not None and row.state is not None and row.reason is not None:
        follow(scope, State(row.state), Reason(row.reason))


def _allow(scope: Scope, plan: PlanCard) -> None:
    allowed = (plan.allowances.messages_month, plan.allowances.messages_day, plan.allowances.messages_hour)
    for period, number in zip(PERIODS, allowed, strict=True):
        set_allowance(scope, layer="tenant", owner_id=scope.tenant, period=period, allowed=number)
    set_contacts(scope, plan.allowances.contacts)
    set_weight(scope, plan.weight)
    set_plan(scope, plan.id)


def locked(scope: Scope) -> TenantSubscription | None:
    """Return the tenant's row, locked until the transaction ends."""
    return session(scope).scalars(sa.select(TenantSubscription).with_for_update()).one_or_none()
