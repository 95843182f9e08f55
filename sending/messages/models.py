"""Tables of messages and their history."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import BigId, Stamp, TenantRow
from posthouse.platform.db import Model, current_tenant


class Message(TenantRow):
    """One recipient's copy. `state` is queued, leased, or its one final outcome; then `settled_at` is set."""

    __tablename__ = "message"

    campaign_id: Mapped[BigId | None]
    revision_id: Mapped[BigId]
    list_id: Mapped[BigId | None]
    contact_id: Mapped[BigId | None]
    recipient: Mapped[str]
    email_norm: Mapped[str]
    domain: Mapped[str]
    stream: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="")
    fields: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    attempts: Mapped[int] = mapped_column(server_default="0")
    not_before: Mapped[Stamp]
    expires_at: Mapped[Stamp | None]
    created_at: Mapped[Stamp]
    settled_at: Mapped[Stamp | None]
    lease_id: Mapped[BigId | None]
    route_id: Mapped[BigId | None]
    reply_code: Mapped[int | None]
    reply_status: Mapped[str | None]
    reply_text: Mapped[str | None]
    hard: Mapped[bool] = mapped_column(server_default="false")
    bounced_at: Mapped[Stamp | None]
    bounce_reason: Mapped[str | None]
    soft_bounced_at: Mapped[Stamp | None]
    complained_at: Mapped[Stamp | None]
    complaint_counts: Mapped[bool] = mapped_column(server_default="false")


class MessageTag(Model):
    """A tag on a message, to look for it by; in its order it stands in `message_label`."""

    __tablename__ = "message_tag"

    tenant_id: Mapped[BigId] = mapped_column(primary_key=True, default=current_tenant)
    tag: Mapped[str] = mapped_column(primary_key=True)
    message_id: Mapped[BigId] = mapped_column(primary_key=True)


class MessageEvent(TenantRow):
    """One thing that happened to a message; append-only."""

    __tablename__ = "message_event"

    message_id: Mapped[BigId]
    kind: Mapped[str]
    at: Mapped[Stamp]
    code: Mapped[int | None]
    text: Mapped[str] = mapped_column(server_default="")
    tx: Mapped[BigId] = mapped_column(server_default=sa.text("(pg_current_xact_id()::text::bigint)"))
