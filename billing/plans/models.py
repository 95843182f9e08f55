"""The table of plans."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import ResellerRow, created


class Plan(ResellerRow):
    """What a reseller sells. An allowance that is None has no limit of its own; prices and allowances never change once offered."""

    __tablename__ = "plan"

    name: Mapped[str]
    position: Mapped[int] = mapped_column(default=0)
    price_minor: Mapped[int] = mapped_column(sa.BigInteger)
    currency: Mapped[str]
    every: Mapped[str]
    account_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    stripe_price: Mapped[str | None]
    stripe_product: Mapped[str | None]
    messages_month: Mapped[int | None] = mapped_column(sa.BigInteger)
    messages_day: Mapped[int | None] = mapped_column(sa.BigInteger)
    messages_hour: Mapped[int | None] = mapped_column(sa.BigInteger)
    contacts: Mapped[int | None] = mapped_column(sa.BigInteger)
    features: Mapped[list[str]] = mapped_column(JSONB)
    weight: Mapped[int]
    grace_days: Mapped[int]
    state: Mapped[str]
    created_at: Mapped[datetime] = created()
