"""Takes a tenant to Stripe's pages: to subscribe, and to manage what it has. Each opens its own transactions, never around a call."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from posthouse.billing.errors import already_subscribed, never_subscribed, not_for_sale
from posthouse.billing.gateway import vault
from posthouse.billing.gateway.models import StripeCustomer
from posthouse.billing.gateway.stripe import Stripe
from posthouse.billing.permissions import BILLING_WRITE
from posthouse.billing.plans.queries import PlanCard, get_plan
from posthouse.billing.subscriptions.models import TenantSubscription
from posthouse.billing.subscriptions.rules import State, may_check_out
from posthouse.billing.subscriptions.settling import locked
from posthouse.platform import audit, clock
from posthouse.platform.app import settings
from posthouse.platform.db import session, transaction
from posthouse.platform.jobs import enqueue
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants.accounts.queries import own_tenant

SYNC = "billing.sync_subscription"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """What a checkout needs to know before Stripe is asked."""

    plan: PlanCard
    access: vault.Access
    name: str
    customer: str | None
    open_url: str | None
    stale_session: str | None
    last_session: str


def start_checkout(scope: Scope, plan_id: int, *, return_url: str | None = None) -> str:
    """Return the address of a page on which the tenant subscribes to a plan; it comes back to `return_url` with `checkout=done` or `left`.

    Call it outside a transaction. A double click gets the same page. Raises: Missing for a plan that isn't offered, Conflict when
    there is a subscription already or no account, Invalid, OutsideFailure.
    """
    back = return_url or settings().public_url
    with transaction(scope):
        claim = _claim(scope, plan_id)
    if claim.open_url is not None:
        return claim.open_url
    with Stripe(claim.access.api_key, base=claim.access.base) as stripe:
        customer = claim.customer
        if customer is None:
            customer = stripe.make_customer(claim.name, email=None, key=f"customer-{scope.tenant}-{claim.access.account_id}")
            # The customer is ours from before Stripe can report anything of it; an event of an unknown one changes nothing.
            with transaction(scope):
                _know_customer(scope, claim.access.account_id, customer)
        if claim.stale_session is not None:
            stripe.close_checkout(claim.stale_session)
        opened = stripe.open_checkout(
            customer,
            claim.plan.stripe_price or "",
            success_url=_with(back, "done"),
            cancel_url=_with(back, "left"),
            # The same until the last session is another one: two clicks at once open one page.
            key=f"checkout-{scope.tenant}-{plan_id}-{hashlib.sha256(f'{claim.last_session}|{back}|{customer}'.encode()).hexdigest()[:32]}",
        )
    with transaction(scope):
        row = locked(scope)
        if row is not None:
            row.checkout_plan_id, row.checkout_session = plan_id, opened.session_id
            row.checkout_url, row.checkout_expires_at = opened.url, opened.expires_at
            audit.record(scope, verb="checkout.started", subject="plan", subject_id=plan_id)
    return opened.url


def _claim(scope: Scope, plan_id: int) -> _Claim:
    require(scope, BILLING_WRITE)
    plan = get_plan(scope, plan_id)
    if plan.state != "offered" or plan.account_id is None:
        raise not_for_sale()
    row = _row(scope, plan.account_id)
    if not may_check_out(State(row.state) if row.state else None):
        raise already_subscribed()
    fresh = row.checkout_url is not None and row.checkout_expires_at is not None and row.checkout_expires_at > clock.now()
    same = fresh and row.checkout_plan_id == plan_id
    return _Claim(
        plan=plan,
        access=vault.of(scope, plan.account_id),
        name=own_tenant(scope).name,
        customer=row.customer,
        open_url=row.checkout_url if same else None,
        stale_session=row.checkout_session if fresh and not same else None,
        last_session=row.checkout_session or "",
    )


def _row(scope: Scope, account_id: int) -> TenantSubscription:
    """Return the tenant's row, made when it's the first time, and moved to the account through which the plan is sold."""
    values = {"tenant_id": scope.tenant, "for_reseller_id": scope.reseller, "account_id": account_id, "changed_at": clock.now()}
    live = session(scope)
    live.execute(insert(TenantSubscription).values(**values).on_conflict_do_nothing(index_elements=["tenant_id"]))
    row = locked(scope)
    if row is None:
        raise ValueError("the row was just made")
    if row.account_id != account_id and may_check_out(State(row.state) if row.state else None):
        row.account_id, row.checkout_url, row.checkout_session = account_id, None, None
        row.customer = live.scalar(
            sa.select(StripeCustomer.customer).where(StripeCustomer.account_id == account_id, StripeCustomer.for_tenant_id == scope.tenant)
        )
    return row


def _know_customer(scope: Scope, account_id: int, customer: str) -> None:
    values = {"reseller_id": scope.reseller, "account_id": account_id, "customer": customer, "for_tenant_id": scope.tenant}
    session(scope).execute(insert(StripeCustomer).values(created_at=clock.now(), **values).on_conflict_do_nothing())
    row = locked(scope)
    if row is not None and row.account_id == account_id:
        row.customer = customer


def ask_for_sync(scope: Scope) -> None:
    """Ask for a look at what Stripe shows now, as when a person comes back from paying before the webhook does. May be repeated."""
    require(scope, BILLING_WRITE)
    enqueue(scope, SYNC, key=f"sync:{scope.tenant}")


def open_portal(scope: Scope, *, return_url: str | None = None) -> str:
    """Return the address of Stripe's page for cards, open invoices and the end of the subscription. Call it outside a transaction.

    Raises: Conflict when the tenant never came to a checkout, Invalid, OutsideFailure.
    """
    with transaction(scope):
        require(scope, BILLING_WRITE)
        row = locked(scope)
        if row is None or row.customer is None:
            raise never_subscribed()
        customer, access = row.customer, vault.of(scope, row.account_id)
        audit.record(scope, verb="billing_portal.opened", subject="subscription", subject_id=row.id)
    with Stripe(access.api_key, base=access.base) as stripe:
        return stripe.open_portal(customer, return_url=return_url or settings().public_url)


def _with(url: str, outcome: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}checkout={outcome}"
