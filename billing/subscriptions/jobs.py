"""Later work: acting upon events, ending grace, and finding what Stripe reported and we never heard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from posthouse.billing.gateway import vault
from posthouse.billing.gateway.envelope import KINDS, Unreadable, ignored_because, read
from posthouse.billing.gateway.models import StripeAccount, StripeCustomer, StripeEvent
from posthouse.billing.gateway.services import APPLY, store
from posthouse.billing.gateway.stripe import Stripe
from posthouse.billing.subscriptions import settling
from posthouse.billing.subscriptions.services import SYNC
from posthouse.platform import clock, logs
from posthouse.platform.db import session, transaction
from posthouse.platform.errors import AppError
from posthouse.platform.events import Handler
from posthouse.platform.jobs import Job, PeriodicJob, enqueue
from posthouse.platform.scope import Actor, Reach, Scope, for_tenant
from posthouse.tenants.events import TenantStateChanged

END_GRACE = "billing.end_grace"
RECONCILE = "billing.reconcile_account"

# Stripe lists events of the last 30 days.
LOOK_BACK = timedelta(days=29)
OVERLAP = timedelta(hours=1)
STUCK_AFTER = timedelta(minutes=10)
KEEP_EVENTS = timedelta(days=90)


def apply_event(scope: Scope, *, event_id: int) -> None:
    """Bring the event's tenant to what Stripe shows now; effect and `processed` come in one transaction. Runs in a reseller's scope."""
    with transaction(scope) as live:
        row = live.get(StripeEvent, (scope.reseller, event_id))
        if row is None or row.state != "received":
            return
        tenant_id = live.scalar(
            sa.select(StripeCustomer.for_tenant_id).where(
                StripeCustomer.account_id == row.account_id, StripeCustomer.customer == row.customer
            )
        )
        if tenant_id is None:
            _close(scope, event_id, "unknown_customer")
            return
    inside = for_tenant(
        reseller_id=scope.reseller, tenant_id=tenant_id, actor=scope.actor, reason=f"stripe event {event_id}", request_id=scope.request_id
    )
    _look_and_settle(inside, lambda became: _close(inside, event_id, None if became in {"changed", "unchanged", "late"} else became))


def _close(scope: Scope, event_id: int, why: str | None) -> None:
    """Mark an event processed, or ignored with its reason, unless that was done already."""
    session(scope).execute(
        sa.update(StripeEvent)
        .where(StripeEvent.reseller_id == scope.reseller, StripeEvent.id == event_id, StripeEvent.state == "received")
        .values(state="ignored" if why else "processed", why=why, processed_at=clock.now())
    )
    if why:
        logs.get().warning("billing.event_ignored", event_id=event_id, why=why)


def _look_and_settle(scope: Scope, record: Callable[[str], None]) -> None:
    with transaction(scope):
        ticket = settling.draw(scope)
        if ticket is None:
            record("no_subscription_row")
            return
    with Stripe(ticket.access.api_key, base=ticket.access.base) as stripe:
        found = stripe.subscriptions(ticket.customer)
    with transaction(scope):
        record(settling.settle(scope, ticket, found, now=clock.now()))


def sync_subscription(scope: Scope) -> None:
    """Bring one tenant to what Stripe shows now, as when it comes back from a checkout before the webhook does."""
    _look_and_settle(scope, lambda _became: None)


def end_grace(scope: Scope) -> None:
    """End one tenant's grace: by what Stripe shows now, or by the clock alone when Stripe can't be reached."""
    try:
        sync_subscription(scope)
    except AppError as failure:
        logs.get().warning("billing.grace_ends_by_clock", code=failure.code)
    with transaction(scope):
        settling.end_grace_by_clock(scope, now=clock.now())


def end_graces(scope: Scope) -> None:
    """Ask for the end of every grace that is over."""
    with transaction(scope) as live:
        over = live.execute(
            sa.text("SELECT of_reseller_id, of_tenant_id FROM subscriptions_whose_grace_is_over(:at)"), {"at": clock.now()}
        ).all()
    for reseller_id, tenant_id in over:
        inside = for_tenant(reseller_id=reseller_id, tenant_id=tenant_id, actor=Actor("system", None, "system"), reason="grace is over")
        with transaction(inside):
            enqueue(inside, END_GRACE, key=f"grace:{tenant_id}")


def reconcile(scope: Scope) -> None:
    """Ask for the reconcile of every connected account."""
    with transaction(scope) as live:
        accounts = live.execute(sa.text("SELECT of_reseller_id, account_id FROM stripe_accounts_connected()")).all()
    for reseller_id, account_id in accounts:
        inside = Scope(
            actor=Actor("system", None, "system"),
            reach=Reach.RESELLER,
            reseller_id=reseller_id,
            permissions=scope.permissions,
            reason="nightly reconcile",
            request_id=scope.request_id,
        )
        with transaction(inside):
            enqueue(inside, RECONCILE, key=f"reconcile:{account_id}", account_id=account_id)


def reconcile_account(scope: Scope, *, account_id: int) -> None:
    """Keep what Stripe lists and the webhook never brought, ask again for what got stuck, and forget what is old."""
    started = clock.now()
    with transaction(scope) as live:
        row = live.get(StripeAccount, (scope.reseller, account_id))
        if row is None:
            return
        access, since = vault.access(row), max((row.reconciled_at or row.connected_at) - OVERLAP, started - LOOK_BACK)
        stripe_account, livemode = row.stripe_account, row.livemode
    with Stripe(access.api_key, base=access.base) as stripe:
        bodies = [seen.body for seen in stripe.events(KINDS, since=since)]
    # Oldest first, in one transaction: either all gaps are closed or the next night begins at the same time again.
    with transaction(scope) as live:
        found = sum(_keep(scope, account_id, body, stripe_account=stripe_account, livemode=livemode) for body in reversed(bodies))
        again = _ask_again(scope, account_id, before=started - STUCK_AFTER)
        live.execute(
            sa.delete(StripeEvent).where(
                StripeEvent.reseller_id == scope.reseller,
                StripeEvent.account_id == account_id,
                StripeEvent.received_at < started - KEEP_EVENTS,
                StripeEvent.state != "received",
            )
        )
        live.execute(
            sa.update(StripeAccount)
            .where(StripeAccount.reseller_id == scope.reseller, StripeAccount.id == account_id)
            .values(reconciled_at=started)
        )
    logs.get().info("billing.reconciled", account_id=account_id, listed=len(bodies), missed=found, stuck=again)


def _keep(scope: Scope, account_id: int, body: bytes, *, stripe_account: str, livemode: bool) -> bool:
    try:
        envelope = read(body)
    except Unreadable as oddity:
        logs.get().warning("billing.event_unreadable", why=str(oddity))
        return False
    why = ignored_because(envelope, stripe_account=stripe_account, livemode=livemode)
    return store(scope, account_id, envelope, body, source="reconcile", why=why)


def _ask_again(scope: Scope, account_id: int, *, before: datetime) -> int:
    stuck = (
        session(scope)
        .scalars(
            sa.select(StripeEvent.id).where(
                StripeEvent.account_id == account_id, StripeEvent.state == "received", StripeEvent.received_at < before
            )
        )
        .all()
    )
    for event_id in stuck:
        enqueue(scope, APPLY, key=f"event:{event_id}", event_id=event_id)
    return len(stuck)


def tenant_state_changed(scope: Scope, event: TenantStateChanged) -> None:
    """Once people let a suspended or closed tenant go on, what its subscription means counts again."""
    if event.before in settling.GOVERNED or event.state not in settling.GOVERNED:
        return
    inside = for_tenant(
        reseller_id=scope.reseller, tenant_id=event.tenant_id, actor=scope.actor, reason="tenant goes on", request_id=scope.request_id
    )
    with transaction(inside):
        settling.follow_again(inside)


JOBS = (Job(APPLY, apply_event), Job(SYNC, sync_subscription), Job(END_GRACE, end_grace), Job(RECONCILE, reconcile_account))
HANDLERS = (Handler(TenantStateChanged, "billing", tenant_state_changed),)
PERIODIC = (
    PeriodicJob("billing.end_graces", end_graces, every_seconds=60),
    PeriodicJob("billing.reconcile", reconcile, every_seconds=86_400),
)
