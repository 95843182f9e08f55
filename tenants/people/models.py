"""Tables of people's places and sessions. The users themselves are reached through look-up functions only (0002_people)."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import PlatformRow, ResellerRow, TenantRow, created


class OperatorMember(PlatformRow):
    """A person's place at the operator."""

    __tablename__ = "operator_member"

    user_id: Mapped[int] = mapped_column(sa.BigInteger)
    role: Mapped[str]
    email: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[datetime] = created()


class ResellerMember(ResellerRow):
    """A person's place at a reseller."""

    __tablename__ = "reseller_member"

    user_id: Mapped[int] = mapped_column(sa.BigInteger)
    role: Mapped[str]
    email: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[datetime] = created()


class TenantMember(TenantRow):
    """A person's place at a tenant."""

    __tablename__ = "tenant_member"

    user_id: Mapped[int] = mapped_column(sa.BigInteger)
    role: Mapped[str]
    email: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[datetime] = created()


class UserSession(PlatformRow):
    """A signed-in browser: the hash of its token, and the place in which the person works now."""

    __tablename__ = "user_session"

    token_hash: Mapped[bytes]
    user_id: Mapped[int] = mapped_column(sa.BigInteger)
    reach: Mapped[str | None]
    for_reseller_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    for_tenant_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    created_at: Mapped[datetime] = created()
    seen_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    origin: Mapped[str]
    entered_from: Mapped[str | None]
    entered_mode: Mapped[str | None]
    entered_why: Mapped[str | None]
    entered_until: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))


class TenantStay(TenantRow):
    """A stay of somebody from outside who worked in the tenant on its behalf."""

    __tablename__ = "tenant_stay"

    who: Mapped[str]
    user_id: Mapped[int] = mapped_column(sa.BigInteger)
    mode: Mapped[str]
    why: Mapped[str]
    entered_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    until: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    left_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
