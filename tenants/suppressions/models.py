"""Tables of suppressions at the tenant, the reseller and the installation (see migrations 0003)."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import PlatformRow, ResellerRow, TenantRow

_WHEN = sa.DateTime(timezone=True)


class Suppression(TenantRow):
    """An address that one tenant must not write to. `address` is its normal form, or a keyed hash once the person is erased."""

    __tablename__ = "suppression"

    address: Mapped[str]
    reason: Mapped[str]
    source: Mapped[str]
    reach: Mapped[str]
    target: Mapped[str]
    stream: Mapped[str | None]
    list_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    message_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    at: Mapped[datetime] = mapped_column(_WHEN)


class ResellerSuppression(ResellerRow):
    """An address that no tenant of one reseller may write to."""

    __tablename__ = "reseller_suppression"

    address: Mapped[str]
    reason: Mapped[str]
    source: Mapped[str]
    at: Mapped[datetime] = mapped_column(_WHEN)


class PlatformSuppression(PlatformRow):
    """An address that nobody on the installation may write to."""

    __tablename__ = "platform_suppression"

    address: Mapped[str]
    reason: Mapped[str]
    source: Mapped[str]
    at: Mapped[datetime] = mapped_column(_WHEN)
