"""Reads a reseller's accounts at Stripe and what came from them. Secrets never leave by here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.billing.gateway.models import StripeAccount, StripeEvent
from posthouse.billing.permissions import PLANS_READ
from posthouse.platform import ids
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope

PREFIX = "sta"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCard:
    """An account. `public_id` stands in the webhook's address; `listening` says whether a webhook secret is known."""

    id: int
    public_id: str
    stripe_account: str
    name: str
    livemode: bool
    state: str
    listening: bool
    connected_at: datetime
    reconciled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCard:
    """An event as it came; `why` says why an ignored one was."""

    id: int
    event: str
    kind: str
    state: str
    why: str | None
    source: str
    received_at: datetime
    processed_at: datetime | None


def card(row: StripeAccount) -> AccountCard:
    """Return a row as a card."""
    return AccountCard(
        id=row.id,
        public_id=ids.encode(PREFIX, row.id),
        stripe_account=row.stripe_account,
        name=row.name,
        livemode=row.livemode,
        state=row.state,
        listening=row.webhook_secret is not None,
        connected_at=row.connected_at,
        reconciled_at=row.reconciled_at,
    )


def find_account(scope: Scope) -> AccountCard | None:
    """Return the reseller's connected account, None when there is none."""
    require(scope, PLANS_READ)
    row = session(scope).scalars(sa.select(StripeAccount).where(StripeAccount.state == "connected")).one_or_none()
    return card(row) if row else None


def list_events(scope: Scope, *, before: int | None = None, limit: int = 50) -> list[EventCard]:
    """Return what came from Stripe, newest first; `before` is the id of the last one seen."""
    require(scope, PLANS_READ)
    wanted = sa.select(StripeEvent).order_by(StripeEvent.id.desc()).limit(min(limit, 200))
    if before is not None:
        wanted = wanted.where(StripeEvent.id < before)
    return [
        EventCard(
            id=row.id,
            event=row.event,
            kind=row.kind,
            state=row.state,
            why=row.why,
            source=row.source,
            received_at=row.received_at,
            processed_at=row.processed_at,
        )
        for row in session(scope).scalars(wanted)
    ]
