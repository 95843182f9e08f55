"""Tables of lists and subscriptions (see migrations 0003)."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import BigId, TenantRow
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


class ListTally(TenantRow):
    """How many subscriptions of one state a statement added to a list, or took away; waits to be folded. The database itself writes it."""

    __tablename__ = "list_tally"

    list_id: Mapped[BigId]
    state: Mapped[str]
    count: Mapped[BigId]


class ListCount(Model):
    """How many subscriptions of one state a list has, beside what waits to be folded."""

    __tablename__ = "list_count"

    tenant_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, default=current_tenant)
    list_id: Mapped[BigId] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[BigId]
