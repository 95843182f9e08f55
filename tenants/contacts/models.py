"""Tables of contacts and their fields (see migrations 0003)."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import TenantRow

_WHEN = sa.DateTime(timezone=True)


class ContactField(TenantRow):
    """One attribute that a tenant keeps of its contacts; `key` is how templates name it."""

    __tablename__ = "contact_field"

    key: Mapped[str]
    label: Mapped[str]
    kind: Mapped[str]
    choices: Mapped[list[str]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(_WHEN)


class Contact(TenantRow):
    """One person written to. `email` is sent to, `email_norm` is compared; `fields` holds typed values by key."""

    __tablename__ = "contact"

    email: Mapped[str]
    email_norm: Mapped[str]
    domain: Mapped[str]
    smtputf8: Mapped[bool]
    fields: Mapped[dict[str, object]] = mapped_column(JSONB)
    source: Mapped[str]
    last_import_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    created_at: Mapped[datetime] = mapped_column(_WHEN)
    updated_at: Mapped[datetime] = mapped_column(_WHEN)
