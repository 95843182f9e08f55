"""Tables of pools and routes."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import BigId, PlatformRow, ResellerRow, Stamp
from posthouse.platform.db import Model, current_tenant


class Pool(PlatformRow):
    """A named set of routes."""

    __tablename__ = "pool"

    name: Mapped[str]
    kind: Mapped[str]
    state: Mapped[str]
    overflow_pool_id: Mapped[BigId | None] = mapped_column(ForeignKey("pool.id"))
    created_at: Mapped[Stamp]


class Route(PlatformRow):
    """One way out: an SMTP server or provider account."""

    __tablename__ = "route"

    pool_id: Mapped[BigId] = mapped_column(ForeignKey("pool.id"))
    name: Mapped[str]
    host: Mapped[str]
    port: Mapped[int]
    tls: Mapped[str]
    verify_tls: Mapped[bool]
    username: Mapped[str]
    password_sealed: Mapped[bytes | None] = mapped_column(deferred=True)
    source_address: Mapped[str]
    greet_as: Mapped[str]
    max_connections: Mapped[int]
    messages_per_connection: Mapped[int]
    weight: Mapped[int]
    preset: Mapped[str] = mapped_column(server_default="")
    headers: Mapped[str] = mapped_column(server_default="")
    virtual_mta_header: Mapped[str] = mapped_column(server_default="")
    virtual_mta: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str]
    failures: Mapped[int] = mapped_column(server_default="0")
    parked_until: Mapped[Stamp | None]
    last_error: Mapped[str] = mapped_column(server_default="")
    last_error_at: Mapped[Stamp | None]
    last_sent_at: Mapped[Stamp | None]
    pace: Mapped[int] = mapped_column(server_default="2")


class RouteTally(Model):
    """What servers answered by a route in a minute; `lost`: the connection broke before the answer."""

    __tablename__ = "route_tally"

    route_id: Mapped[BigId] = mapped_column(ForeignKey("route.id", ondelete="CASCADE"), primary_key=True)
    minute: Mapped[Stamp] = mapped_column(primary_key=True)
    sent: Mapped[int]
    deferred: Mapped[int]
    refused: Mapped[int]
    lost: Mapped[int]


class RouteReply(Model):
    """One wording by which servers put off or refused messages by a route; `shape` is what of it stays the same each time."""

    __tablename__ = "route_reply"

    route_id: Mapped[BigId] = mapped_column(ForeignKey("route.id", ondelete="CASCADE"), primary_key=True)
    domain_group: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[int] = mapped_column(primary_key=True)
    shape: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]
    count: Mapped[int]
    first_at: Mapped[Stamp]
    last_at: Mapped[Stamp]


class ResellerPool(ResellerRow):
    """A pool that a reseller's tenants may use for a stream; a dedicated one is `for_tenant_id`'s alone, once it was chosen for it."""

    __tablename__ = "reseller_pool"

    pool_id: Mapped[BigId] = mapped_column(ForeignKey("pool.id"))
    stream: Mapped[str]
    is_default: Mapped[bool]
    label: Mapped[str] = mapped_column(server_default="")
    for_tenant_id: Mapped[BigId | None]


class PoolRule(ResellerRow):
    """The pool for one mailbox provider's recipients on a stream, whichever of the reseller's tenants writes."""

    __tablename__ = "pool_rule"

    stream: Mapped[str]
    domain_group: Mapped[str]
    pool_id: Mapped[BigId] = mapped_column(ForeignKey("pool.id"))


class PlanPool(ResellerRow):
    """The pool for a stream of the tenants that have a plan, unless another was chosen for one of them."""

    __tablename__ = "plan_pool"

    plan_id: Mapped[BigId]
    stream: Mapped[str]
    pool_id: Mapped[BigId] = mapped_column(ForeignKey("pool.id"))


class TenantPool(Model):
    """The pool that a tenant uses for a stream; without a row it is its plan's, else the reseller's default."""

    __tablename__ = "tenant_pool"

    tenant_id: Mapped[BigId] = mapped_column(primary_key=True, default=current_tenant)
    stream: Mapped[str] = mapped_column(primary_key=True)
    pool_id: Mapped[BigId] = mapped_column(ForeignKey("pool.id"))
