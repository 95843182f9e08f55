"""The tables of mail that came in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import PlatformRow, TenantRow

_WHEN = sa.DateTime(timezone=True)


class InboundMail(TenantRow):
    """A mail that a genuine token gives to a tenant; `effect` says what it changed."""

    __tablename__ = "inbound_mail"

    fingerprint: Mapped[bytes]
    received_at: Mapped[datetime] = mapped_column(_WHEN)
    sorted_at: Mapped[datetime] = mapped_column(_WHEN)
    kind: Mapped[str] = mapped_column(sa.Text)
    rule: Mapped[str] = mapped_column(sa.Text)
    sender: Mapped[str] = mapped_column(sa.Text)
    recipient: Mapped[str] = mapped_column(sa.Text)
    author: Mapped[str] = mapped_column(sa.Text)
    subject: Mapped[str] = mapped_column(sa.Text)
    peer: Mapped[str] = mapped_column(sa.Text)
    understood: Mapped[dict[str, Any]] = mapped_column(JSONB)
    trouble: Mapped[str | None] = mapped_column(sa.Text)
    size_bytes: Mapped[int]
    raw: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)
    message_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    effect: Mapped[str] = mapped_column(sa.Text)


class UnmatchedMail(PlatformRow):
    """A mail that names no message of ours, or only forged ones, or that nobody understood; a person may say what it was.

    `about_message_id` is set where it is a copy of a tenant's mail. `settled_at`: a learned rule did what a person would have to.
    """

    __tablename__ = "unmatched_mail"

    fingerprint: Mapped[bytes]
    received_at: Mapped[datetime] = mapped_column(_WHEN)
    sorted_at: Mapped[datetime] = mapped_column(_WHEN)
    kind: Mapped[str] = mapped_column(sa.Text)
    rule: Mapped[str] = mapped_column(sa.Text)
    sender: Mapped[str] = mapped_column(sa.Text)
    recipient: Mapped[str] = mapped_column(sa.Text)
    author: Mapped[str] = mapped_column(sa.Text)
    subject: Mapped[str] = mapped_column(sa.Text)
    peer: Mapped[str] = mapped_column(sa.Text)
    understood: Mapped[dict[str, Any]] = mapped_column(JSONB)
    trouble: Mapped[str | None] = mapped_column(sa.Text)
    size_bytes: Mapped[int]
    raw: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)
    why: Mapped[str] = mapped_column(sa.Text)
    said_kind: Mapped[str | None] = mapped_column(sa.Text)
    said_by: Mapped[int | None] = mapped_column(sa.BigInteger)
    said_at: Mapped[datetime | None] = mapped_column(_WHEN)
    settled_at: Mapped[datetime | None] = mapped_column(_WHEN)
    about_message_id: Mapped[int | None] = mapped_column(sa.BigInteger)
