"""Reads a tenant's subscription."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.billing.gateway import vault
from posthouse.billing.gateway.cards import InvoiceCard
from posthouse.billing.gateway.stripe import Stripe
from posthouse.billing.permissions import BILLING_READ, PLANS_READ
from posthouse.billing.plans.queries import PlanCard, get_plan, list_plans
from posthouse.billing.subscriptions.models import TenantSubscription
from posthouse.billing.subscriptions.rules import Reason, State, may_check_out, may_send
from posthouse.platform.db import session, transaction
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionCard:
    """Where a tenant's subscription stands. `grace_until` is set in grace and in the pause after it; `cancels_at` when its end is set."""

    plan: PlanCard
    state: State
    reason: Reason
    sends: bool
    may_check_out: bool
    grace_until: datetime | None
    period_start: datetime | None
    period_end: datetime | None
    trial_ends_at: datetime | None
    cancels_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a tenant must be told on every page: a stable code, and when it takes effect, None when it has."""

    code: str
    sentence: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewCard:
    """One tenant's subscription as its reseller sees it."""

    plan: str
    state: State
    grace_until: datetime | None


def overview(scope: Scope) -> dict[int, OverviewCard]:
    """Return where the subscriptions of the reseller's tenants stand, by tenant; who never had one is left out."""
    require(scope, PLANS_READ)
    names = {one.id: one.name for one in list_plans(scope)}
    rows = session(scope).execute(sa.text("SELECT o_tenant_id, plan_id, state, grace_until FROM subscription_overview()"))
    return {
        tenant_id: OverviewCard(plan=names.get(plan_id, ""), state=State(state), grace_until=grace)
        for tenant_id, plan_id, state, grace in rows
    }


def find_subscription(scope: Scope) -> SubscriptionCard | None:
    """Return the tenant's subscription, None when it never had one."""
    require(scope, BILLING_READ)
    row = _row(scope)
    if row is None or row.state is None or row.reason is None or row.plan_id is None:
        return None
    state = State(row.state)
    return SubscriptionCard(
        plan=get_plan(scope, row.plan_id),
        state=state,
        reason=Reason(row.reason),
        sends=may_send(state),
        may_check_out=may_check_out(state),
        grace_until=row.grace_until,
        period_start=row.period_start,
        period_end=row.period_end,
        trial_ends_at=row.trial_ends_at,
        cancels_at=row.cancels_at,
    )


_NOTICES = {
    State.GRACE: ("payment_failed", "The last payment failed. Mend it under Billing before sending pauses; nothing is lost."),
    State.PAUSED: ("sending_paused", "Sending is paused until the subscription is paid. Contacts, content and what waits are all kept."),
    State.CANCELLED: ("subscription_ended", "The subscription has ended, so nothing is sent. Choose a plan to go on; everything is kept."),
}


def notice(scope: Scope) -> Notice | None:
    """Return what everybody in the tenant must be told about payment, None when all is well. Needs no permission: it names no amounts."""
    row = _row(scope)
    if row is None or row.state is None or State(row.state) not in _NOTICES:
        return None
    code, sentence = _NOTICES[State(row.state)]
    return Notice(code=code, sentence=sentence, at=row.grace_until if row.state == State.GRACE else None)


def list_invoices(scope: Scope, *, limit: int = 24) -> list[InvoiceCard]:
    """Return the tenant's invoices from Stripe, newest first. Speaks to the outside: call it outside a transaction.

    Raises: OutsideFailure, and Invalid when Stripe refuses the reseller's key.
    """
    with transaction(scope):
        require(scope, BILLING_READ)
        row = _row(scope)
        if row is None or row.customer is None:
            return []
        customer, access = row.customer, vault.of(scope, row.account_id)
    with Stripe(access.api_key, base=access.base) as stripe:
        return stripe.invoices(customer, limit=limit)


def _row(scope: Scope) -> TenantSubscription | None:
    return session(scope).scalars(sa.select(TenantSubscription)).one_or_none()
