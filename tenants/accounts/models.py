"""Tables of the tree: resellers, the reseller's directory of tenants, and each tenant's own profile."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import PlatformRow, ResellerRow, created
from posthouse.platform.db import Model, current_tenant


class Reseller(PlatformRow):
    """Who sells under an own brand."""

    __tablename__ = "reseller"

    slug: Mapped[str]
    name: Mapped[str]
    state: Mapped[str] = mapped_column(default="active")
    created_at: Mapped[datetime] = created()


class Tenant(ResellerRow):
    """A tenant as its reseller knows it; the tenant's own rows hang on TenantProfile."""

    __tablename__ = "tenant"

    slug: Mapped[str]
    name: Mapped[str]
    state: Mapped[str] = mapped_column(default="active")
    state_reason: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = created()


class TenantProfile(Model):
    """The tenant's own row, and the anchor of all its others."""

    __tablename__ = "tenant_profile"

    tenant_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, default=current_tenant)
    legal_name: Mapped[str]
    postal_address: Mapped[str] = mapped_column(default="")
    website: Mapped[str] = mapped_column(default="")
    timezone: Mapped[str] = mapped_column(default="UTC")
    locale: Mapped[str] = mapped_column(default="en")
    replies: Mapped[str] = mapped_column(default="own")
    replies_to: Mapped[str] = mapped_column(default="")


class WebHost(PlatformRow):
    """A host name under which a reseller's people reach the web service."""

    __tablename__ = "web_host"

    host: Mapped[str]
    for_reseller_id: Mapped[int] = mapped_column(sa.BigInteger)
