"""Tables of warm-ups: which routes warm, and what each day allowed and took, by mailbox provider."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import BigId, Stamp
from posthouse.platform.db import Model, current_tenant


class Warmup(Model):
    """A route that is being warmed."""

    __tablename__ = "warmup"

    route_id: Mapped[BigId] = mapped_column(sa.ForeignKey("route.id", ondelete="CASCADE"), primary_key=True)
    stages: Mapped[list[int]] = mapped_column(ARRAY(sa.BigInteger))
    started_at: Mapped[Stamp]


class WarmupDay(Model):
    """What one day allows a route to send to a provider's recipients, and what it took. `allowed` None: warm for this provider."""

    __tablename__ = "warmup_day"

    route_id: Mapped[BigId] = mapped_column(sa.ForeignKey("route.id", ondelete="CASCADE"), primary_key=True)
    domain_group: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    stage: Mapped[int]
    allowed: Mapped[BigId | None]
    used: Mapped[BigId] = mapped_column(server_default="0")


class WarmupHold(Model):
    """How much of a day a lease holds until it is settled."""

    __tablename__ = "warmup_hold"

    tenant_id: Mapped[BigId] = mapped_column(primary_key=True, default=current_tenant)
    lease_id: Mapped[BigId] = mapped_column(primary_key=True)
    route_id: Mapped[BigId] = mapped_column(primary_key=True)
    domain_group: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date]
    amount: Mapped[int]
