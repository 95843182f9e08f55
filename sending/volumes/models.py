"""Tables of volumes; the database itself writes them (0007_delivery)."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import BigId, ResellerRow
from posthouse.platform.db import Model, current_reseller


class TenantTally(ResellerRow):
    """So many of one kind, from one statement; waits to be folded."""

    __tablename__ = "tenant_tally"

    for_tenant_id: Mapped[BigId]
    day: Mapped[date]
    kind: Mapped[str]
    count: Mapped[BigId]


class TenantDay(Model):
    """What became of one tenant's messages on one day in UTC."""

    __tablename__ = "tenant_day"

    reseller_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, default=current_reseller)
    for_tenant_id: Mapped[BigId] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    sent: Mapped[BigId] = mapped_column(server_default="0")
    failed: Mapped[BigId] = mapped_column(server_default="0")
    bounced: Mapped[BigId] = mapped_column(server_default="0")
    complained: Mapped[BigId] = mapped_column(server_default="0")
    unsubscribed: Mapped[BigId] = mapped_column(server_default="0")
