"""Tables of limits of routes, what was used of them, and what rests."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import BigId, Stamp
from posthouse.platform.db import Model


class RouteLimit(Model):
    """What a route may do; `domain_group` empty: whoever the recipients are. None is no limit."""

    __tablename__ = "route_limit"

    route_id: Mapped[BigId] = mapped_column(sa.ForeignKey("route.id", ondelete="CASCADE"), primary_key=True)
    domain_group: Mapped[str] = mapped_column(primary_key=True)
    per_second: Mapped[int | None]
    per_minute: Mapped[int | None]
    per_hour: Mapped[int | None]
    per_day: Mapped[int | None]
    connections: Mapped[int | None]
    messages_per_connection: Mapped[int | None]
    most_bytes: Mapped[int | None]


class RouteSpent(Model):
    """How many messages were taken in a stretch of time (`bucket` is its beginning), for the limits per hour and day."""

    __tablename__ = "route_spent"

    route_id: Mapped[BigId] = mapped_column(sa.ForeignKey("route.id", ondelete="CASCADE"), primary_key=True)
    domain_group: Mapped[str] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)
    bucket: Mapped[Stamp] = mapped_column(primary_key=True)
    used: Mapped[int]


class RouteHold(Model):
    """A route, or its share for one mailbox provider, rests until a time, and why: a limit, or what the provider said."""

    __tablename__ = "route_hold"

    route_id: Mapped[BigId] = mapped_column(sa.ForeignKey("route.id", ondelete="CASCADE"), primary_key=True)
    domain_group: Mapped[str] = mapped_column(primary_key=True)
    by: Mapped[str]
    since: Mapped[Stamp]
    until: Mapped[Stamp]
    next_at: Mapped[Stamp | None]
    failures: Mapped[int] = mapped_column(server_default="0")
    said: Mapped[str] = mapped_column(server_default="")


class RouteUse(Model):
    """How many of a route's connections (of those that may carry mail for a provider) a worker holds, wants and has open, until a time."""

    __tablename__ = "route_use"

    route_id: Mapped[BigId] = mapped_column(sa.ForeignKey("route.id", ondelete="CASCADE"), primary_key=True)
    domain_group: Mapped[str] = mapped_column(primary_key=True)
    worker: Mapped[str] = mapped_column(primary_key=True)
    stream: Mapped[str]
    held: Mapped[int]
    wanted: Mapped[int]
    connections: Mapped[int]
    until: Mapped[Stamp]
