"""The table of tenants' subscriptions: one row a tenant."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import TenantRow

_WHEN = sa.DateTime(timezone=True)


class TenantSubscription(TenantRow):
    """Where a tenant's subscription stands. `state` is None before the first one.

    `ticket` is drawn before Stripe is asked and `applied_ticket` set with what it answered: of two answers that cross, the one
    asked for earlier is dropped. Whatever happens at Stripe is reported by an event that draws a later ticket still.
    """

    __tablename__ = "tenant_subscription"

    for_reseller_id: Mapped[int] = mapped_column(sa.BigInteger)
    account_id: Mapped[int] = mapped_column(sa.BigInteger)
    customer: Mapped[str | None]
    plan_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    subscription: Mapped[str | None]
    state: Mapped[str | None]
    reason: Mapped[str | None]
    grace_until: Mapped[datetime | None] = mapped_column(_WHEN)
    period_start: Mapped[datetime | None] = mapped_column(_WHEN)
    period_end: Mapped[datetime | None] = mapped_column(_WHEN)
    trial_ends_at: Mapped[datetime | None] = mapped_column(_WHEN)
    cancels_at: Mapped[datetime | None] = mapped_column(_WHEN)
    checkout_plan_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    checkout_session: Mapped[str | None]
    checkout_url: Mapped[str | None]
    checkout_expires_at: Mapped[datetime | None] = mapped_column(_WHEN)
    ticket: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    applied_ticket: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    changed_at: Mapped[datetime] = mapped_column(_WHEN)
