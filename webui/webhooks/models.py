"""Tables of webhooks out: where a tenant's news goes, each piece of news for each of these, and each try."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import TenantRow, created

_WHEN = sa.DateTime(timezone=True)


class WebhookEndpoint(TenantRow):
    """Where news goes. `failures` in a row rest it until `rests_until`; `failing_since` None: the last try went well."""

    __tablename__ = "webhook_endpoint"

    url: Mapped[str]
    label: Mapped[str]
    kinds: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    secret: Mapped[bytes]
    secret_before: Mapped[bytes | None]
    secret_before_until: Mapped[datetime | None] = mapped_column(_WHEN)
    state: Mapped[str] = mapped_column(default="enabled")
    state_why: Mapped[str] = mapped_column(default="")
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None] = mapped_column(_WHEN)
    rests_until: Mapped[datetime | None] = mapped_column(_WHEN)
    last_ok_at: Mapped[datetime | None] = mapped_column(_WHEN)
    created_at: Mapped[datetime] = created()


class WebhookDelivery(TenantRow):
    """One piece of news for one endpoint. `event_key` is the same for all endpoints and all tries."""

    __tablename__ = "webhook_delivery"

    endpoint_id: Mapped[int] = mapped_column(sa.BigInteger)
    event_key: Mapped[int] = mapped_column(sa.BigInteger)
    kind: Mapped[str]
    body: Mapped[str]
    state: Mapped[str] = mapped_column(default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime] = mapped_column(_WHEN)
    started_at: Mapped[datetime] = mapped_column(_WHEN)
    settled_at: Mapped[datetime | None] = mapped_column(_WHEN)
    created_at: Mapped[datetime] = created()


class WebhookAttempt(TenantRow):
    """One try. `status` None: there was no answer."""

    __tablename__ = "webhook_attempt"

    delivery_id: Mapped[int] = mapped_column(sa.BigInteger)
    at: Mapped[datetime] = mapped_column(_WHEN)
    status: Mapped[int | None]
    problem: Mapped[str]
    answer: Mapped[str]
    milliseconds: Mapped[int]
