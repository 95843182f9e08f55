"""Tables of lists and subscriptions (see migrations 0003)."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import TenantRow
from posthouse.platform.db import Model, current_tenant

_WHEN = sa.DateTime(timezone=True)


class ContactList(TenantRow):
    """A named group of contacts."""

    __tablename__ = "contact_list"

    name: Mapped[str]
    description: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(_WHEN)


class Subscription(Model):
    """A contact's consent to one list: its state, how it came about, and what the person did for it."""

    __tablename__ = "subscription"

    tenant_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, default=current_tenant)
    list_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    contact_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    state: Mapped[str]
    source: Mapped[str]
    import_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    consent: Mapped[dict[str, object]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(_WHEN)
    changed_at: Mapped[datetime] = mapped_column(_WHEN)
