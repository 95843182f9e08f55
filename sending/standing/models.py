"""Tables of standings: figures by the time of sending, grades, and the limits that were set."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import BigId, Stamp
from posthouse.platform.db import Model, current_reseller, current_tenant


class StandingCount(Model):
    """What was handed over in ten minutes, and what has become of it since. Complaints and bounces count where their message was sent."""

    __tablename__ = "standing_count"

    tenant_id: Mapped[BigId] = mapped_column(primary_key=True, default=current_tenant)
    stream: Mapped[str] = mapped_column(primary_key=True)
    bucket: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True), primary_key=True)
    sent: Mapped[int] = mapped_column(server_default="0")
    bounces: Mapped[int] = mapped_column(server_default="0")
    complaints: Mapped[int] = mapped_column(server_default="0")


class Standing(Model):
    """How a tenant stands on a stream; without a row it stands well. Nothing before `counted_from` counts."""

    __tablename__ = "standing"

    reseller_id: Mapped[BigId] = mapped_column(primary_key=True, default=current_reseller)
    for_tenant_id: Mapped[BigId] = mapped_column(primary_key=True)
    stream: Mapped[str] = mapped_column(primary_key=True)
    grade: Mapped[str]
    measure: Mapped[str] = mapped_column(server_default="")
    window: Mapped[str] = mapped_column(server_default="")
    events: Mapped[int] = mapped_column(server_default="0")
    sent: Mapped[int] = mapped_column(server_default="0")
    since: Mapped[Stamp]
    counted_from: Mapped[Stamp | None]
    note: Mapped[str] = mapped_column(server_default="")


class StandingLimit(Model):
    """The operator's share for a measure and grade, in parts per million."""

    __tablename__ = "standing_limit"

    measure: Mapped[str] = mapped_column(primary_key=True)
    grade: Mapped[str] = mapped_column(primary_key=True)
    share: Mapped[int]


class ResellerStandingLimit(Model):
    """A reseller's stricter share for a measure and grade, in parts per million."""

    __tablename__ = "reseller_standing_limit"

    reseller_id: Mapped[BigId] = mapped_column(primary_key=True, default=current_reseller)
    measure: Mapped[str] = mapped_column(primary_key=True)
    grade: Mapped[str] = mapped_column(primary_key=True)
    share: Mapped[int]
