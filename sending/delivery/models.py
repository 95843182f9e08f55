"""Tables of leases, lanes and hosts."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import BigId, Stamp, TenantRow
from posthouse.platform.db import Model, current_tenant


class Lease(TenantRow):
    """Some hundred messages that one worker holds for a short time."""

    __tablename__ = "lease"

    for_reseller_id: Mapped[BigId]
    stream: Mapped[str]
    pool_id: Mapped[BigId]
    host: Mapped[str]
    worker: Mapped[str]
    messages: Mapped[int]
    until: Mapped[Stamp]
    made_at: Mapped[Stamp]
    closed_at: Mapped[Stamp | None]
    closed_by: Mapped[str] = mapped_column(server_default="")


class LaneTenant(Model):
    """A tenant's place in a stream's lane: when it is due, whose turn it is, and what holds it."""

    __tablename__ = "lane_tenant"

    tenant_id: Mapped[BigId] = mapped_column(primary_key=True, default=current_tenant)
    stream: Mapped[str] = mapped_column(primary_key=True)
    for_reseller_id: Mapped[BigId]
    pool_id: Mapped[BigId | None]
    weight: Mapped[int] = mapped_column(server_default="1")
    virtual_time: Mapped[BigId] = mapped_column("pass", server_default="0")
    due_at: Mapped[Stamp | None]
    held_by: Mapped[str] = mapped_column(server_default="")
    resumes_at: Mapped[Stamp | None]


class DeliveryHost(Model):
    """A machine that holds journals, and when it was last heard of."""

    __tablename__ = "delivery_host"

    host: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[Stamp]


class LaneClock(Model):
    """A stream's virtual time; moved only by the function that gives turns."""

    __tablename__ = "lane_clock"

    stream: Mapped[str] = mapped_column(primary_key=True)
    now: Mapped[BigId] = mapped_column(server_default="0")
