"""Connects a reseller's account at Stripe, and takes in what Stripe reports."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from posthouse.billing.errors import no_account
from posthouse.billing.gateway import signature, vault
from posthouse.billing.gateway.cards import AccountSeen
from posthouse.billing.gateway.envelope import KINDS, Envelope, Unreadable, ignored_because, read
from posthouse.billing.gateway.models import StripeAccount, StripeEvent
from posthouse.billing.gateway.queries import PREFIX, AccountCard, card
from posthouse.billing.gateway.stripe import Stripe
from posthouse.billing.permissions import STRIPE_CONNECT
from posthouse.platform import audit, clock, ids, logs
from posthouse.platform.app import settings
from posthouse.platform.db import session, transaction
from posthouse.platform.errors import Invalid, Missing
from posthouse.platform.jobs import enqueue
from posthouse.platform.permissions import require
from posthouse.platform.scope import ALL_PERMISSIONS, Actor, Reach, Scope, new_request_id, public

APPLY = "billing.apply_event"
# Stripe's largest events are a few hundred kilobytes.
MAX_BODY_BYTES = 1_000_000
HOOK_PATH = "/hooks/stripe/{account}"


@dataclass(frozen=True, slots=True)
class Received:
    """What to answer Stripe with: 200 when it's kept, 400 when it isn't proven or read, 404 for no such account, 413 for too much."""

    status: int
    why: str


def receive(account: str, body: bytes, header: str | None, *, request_id: str | None = None) -> Received:
    """Take one webhook call: `account` from its address, the raw body, the Stripe-Signature header. Opens its own transactions.

    Answers once the event is kept; what it means is found out by a job. May be repeated: an event is kept once by its id.
    """
    request_id = request_id or new_request_id()
    answer = _receive(account, body, header, request_id)
    if answer.status != 200 or answer.why != "kept":
        logs.get().warning("billing.webhook", status=answer.status, why=answer.why, account=account[:40])
    return answer


def _receive(account: str, body: bytes, header: str | None, request_id: str) -> Received:
    if len(body) > MAX_BODY_BYTES:
        return Received(413, "the body is larger than 1 MB")
    reseller_id, account_id = _whose(account, request_id)
    if reseller_id is None:
        return Received(404, "there is no such account")
    scope = _as_stripe(reseller_id, request_id)
    with transaction(scope) as live:
        row = live.get(StripeAccount, (reseller_id, account_id))
        if row is None:
            return Received(404, "there is no such account")
        try:
            signature.verify(body, header, vault.secrets_of(row), now=clock.now())
            envelope = read(body)
        except (signature.Unverified, Unreadable) as refusal:
            return Received(400, str(refusal))
        why = ignored_because(envelope, stripe_account=row.stripe_account, livemode=row.livemode)
        return Received(200, why or "kept" if store(scope, row.id, envelope, body, source="webhook", why=why) else "known")


def _whose(account: str, request_id: str) -> tuple[int | None, int]:
    try:
        account_id = ids.decode(PREFIX, account)
    except Missing:
        return None, 0
    with transaction(public("stripe webhook", request_id)) as live:
        return live.scalar(sa.select(sa.func.stripe_account_reseller(account_id))), account_id


def _as_stripe(reseller_id: int, request_id: str) -> Scope:
    return Scope(
        actor=Actor("system", None, "stripe"),
        reach=Reach.RESELLER,
        reseller_id=reseller_id,
        permissions=ALL_PERMISSIONS,
        reason="stripe webhook",
        request_id=request_id,
    )


def store(scope: Scope, account_id: int, envelope: Envelope, body: bytes, *, source: str, why: str | None) -> bool:
    """Keep an event once by its id and ask for its job; say whether it was new. `why` keeps it without acting upon it."""
    now = clock.now()
    statement = (
        insert(StripeEvent)
        .values(
            reseller_id=scope.reseller,
            account_id=account_id,
            event=envelope.event_id,
            kind=envelope.kind,
            customer=envelope.customer,
            source=source,
            body=body,
            state="ignored" if why else "received",
            why=why,
            received_at=now,
            processed_at=now if why else None,
        )
        .on_conflict_do_nothing(index_elements=["reseller_id", "account_id", "event"])
        .returning(StripeEvent.id)
    )
    event_id = session(scope).scalar(statement)
    if event_id is None:
        return False
    if why is None:
        enqueue(scope, APPLY, key=f"event:{event_id}", event_id=event_id)
    return True


def connect_account(scope: Scope, *, api_key: str) -> AccountCard:
    """Connect the account that a key opens, in place of the present one, and have Stripe report to us. Opens its own transactions.

    May be repeated, also to give a new key or after a failure half-way. Raises: Invalid for a key that Stripe refuses, OutsideFailure.
    """
    require(scope, STRIPE_CONNECT)
    api_key = api_key.strip()
    if not api_key.isascii() or not api_key.isprintable() or not 8 <= len(api_key) <= 300:
        raise Invalid("stripe_key_refused", "This isn't an API key of Stripe: they begin with sk_ or rk_.", field="api_key")
    with Stripe(api_key, base=settings().stripe_api) as stripe:
        seen = stripe.account()
        with transaction(scope):
            account = card(_connect(scope, seen, api_key))
        if account.listening:
            return account
        url = settings().public_url.rstrip("/") + HOOK_PATH.format(account=account.public_id)
        made = stripe.make_endpoint(url, KINDS, key=f"endpoint-{account.id}")
    with transaction(scope):
        row = _connected(scope)
        row.endpoint_id, row.webhook_secret = made.endpoint_id, vault.sealed(row.id, "webhook_secret", made.secret)
        return card(row)


def _connect(scope: Scope, seen: AccountSeen, api_key: str) -> StripeAccount:
    live = session(scope)
    same = (StripeAccount.stripe_account == seen.stripe_account, StripeAccount.livemode == seen.livemode)
    row = live.scalars(sa.select(StripeAccount).where(*same).with_for_update()).one_or_none()
    live.execute(sa.update(StripeAccount).where(StripeAccount.state == "connected").values(state="retired"))
    if row is None:
        row_id = live.scalar(sa.select(sa.func.posthouse_id()))
        row = StripeAccount(id=row_id, stripe_account=seen.stripe_account, livemode=seen.livemode, connected_at=clock.now())
        live.add(row)
    row.name, row.state, row.api_key = seen.name, "connected", vault.sealed(row.id, "api_key", api_key)
    live.flush()
    audit.record(
        scope, verb="stripe.connected", subject="stripe_account", subject_id=row.id, account=seen.stripe_account, livemode=seen.livemode
    )
    return row


def set_webhook_secret(scope: Scope, *, secret: str) -> AccountCard:
    """Take a webhook secret that was made or rolled in Stripe's dashboard; the present one stays valid beside it until the next.

    Raises: Invalid, Conflict when no account is connected.
    """
    require(scope, STRIPE_CONNECT)
    secret = secret.strip()
    if not secret.startswith("whsec_") or not secret.isascii() or not secret.isprintable() or not 16 <= len(secret) <= 200:
        raise Invalid(
            "webhook_secret_invalid", "A webhook secret begins with whsec_. Copy it from the endpoint's page at Stripe.", field="secret"
        )
    row = _connected(scope)
    before = vault.opened(row, "webhook_secret")
    if before != secret:
        row.webhook_secret_before = vault.sealed(row.id, "webhook_secret_before", before) if before else None
        row.webhook_secret = vault.sealed(row.id, "webhook_secret", secret)
        audit.record(scope, verb="stripe.webhook_secret_changed", subject="stripe_account", subject_id=row.id)
    return card(row)


def forget_old_secret(scope: Scope) -> AccountCard:
    """End the rotation of the webhook secret: from now on only the new one is valid. May be repeated. Raises: Conflict."""
    require(scope, STRIPE_CONNECT)
    row = _connected(scope)
    row.webhook_secret_before = None
    return card(row)


def _connected(scope: Scope) -> StripeAccount:
    wanted = sa.select(StripeAccount).where(StripeAccount.state == "connected").with_for_update()
    row = session(scope).scalars(wanted).one_or_none()
    if row is None:
        raise no_account()
    return row
