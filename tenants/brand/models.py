"""The table of brands, one row a reseller."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.db import Model, current_reseller


class Brand(Model):
    """How a reseller looks to its tenants."""

    __tablename__ = "brand"

    reseller_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, default=current_reseller)
    product_name: Mapped[str]
    primary_colour: Mapped[str]
    logo: Mapped[bytes | None]
    logo_type: Mapped[str | None]
    support_email: Mapped[str] = mapped_column(default="")
    support_url: Mapped[str] = mapped_column(default="")
    version: Mapped[int] = mapped_column(default=1)
