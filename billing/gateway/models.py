"""The tables of Stripe's accounts, customers and events."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import ResellerRow, created

_WHEN = sa.DateTime(timezone=True)


class StripeAccount(ResellerRow):
    """A reseller's own account at Stripe. Key and secrets are sealed; two secrets while one is rotated."""

    __tablename__ = "stripe_account"

    stripe_account: Mapped[str]
    livemode: Mapped[bool]
    name: Mapped[str]
    api_key: Mapped[bytes]
    webhook_secret: Mapped[bytes | None]
    webhook_secret_before: Mapped[bytes | None]
    endpoint_id: Mapped[str | None]
    state: Mapped[str]
    connected_at: Mapped[datetime] = mapped_column(_WHEN)
    reconciled_at: Mapped[datetime | None] = mapped_column(_WHEN)


class StripeCustomer(ResellerRow):
    """Which tenant a customer at Stripe is. Made by us before Stripe can say anything of it; never read from an event."""

    __tablename__ = "stripe_customer"

    account_id: Mapped[int] = mapped_column(sa.BigInteger)
    customer: Mapped[str]
    for_tenant_id: Mapped[int] = mapped_column(sa.BigInteger)
    created_at: Mapped[datetime] = created()


class StripeEvent(ResellerRow):
    """An event as it came, once by its id. `why` says why an ignored one was."""

    __tablename__ = "stripe_event"

    account_id: Mapped[int] = mapped_column(sa.BigInteger)
    event: Mapped[str]
    kind: Mapped[str]
    customer: Mapped[str | None]
    source: Mapped[str]
    body: Mapped[bytes]
    state: Mapped[str]
    why: Mapped[str | None]
    received_at: Mapped[datetime] = mapped_column(_WHEN)
    processed_at: Mapped[datetime | None] = mapped_column(_WHEN)
