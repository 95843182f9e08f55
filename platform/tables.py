"""Platform's own tables: jobs, periodic jobs, the outbox and the operator's audit (see migrations 0001)."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import PlatformRow

_WHEN = sa.DateTime(timezone=True)


class JobRow(PlatformRow):
    """One piece of later work; the table is the queue of record, Redis only the doorbell."""

    __tablename__ = "job"

    kind: Mapped[str]
    queue: Mapped[str]
    for_tenant_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    for_reseller_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    args: Mapped[dict[str, object]] = mapped_column(JSONB)
    dedupe_key: Mapped[str | None]
    state: Mapped[str]
    attempts: Mapped[int]
    run_at: Mapped[datetime] = mapped_column(_WHEN)
    claimed_by: Mapped[str | None]
    claimed_until: Mapped[datetime | None] = mapped_column(_WHEN)
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(_WHEN)
    finished_at: Mapped[datetime | None] = mapped_column(_WHEN)
    request_id: Mapped[str]
    asked_by: Mapped[dict[str, object]] = mapped_column(JSONB)


class PeriodicRow(PlatformRow):
    """When a periodic job is due next; reconciled with the manifests when the scheduler starts."""

    __tablename__ = "periodic_job"

    kind: Mapped[str]
    every_seconds: Mapped[int]
    next_at: Mapped[datetime] = mapped_column(_WHEN)
    last_at: Mapped[datetime | None] = mapped_column(_WHEN)


class OutboxRow(PlatformRow):
    """An event that was announced in a committed transaction and waits to be told to its handlers."""

    __tablename__ = "outbox_event"

    name: Mapped[str]
    for_tenant_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    for_reseller_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    payload: Mapped[dict[str, object]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(_WHEN)
    relayed_at: Mapped[datetime | None] = mapped_column(_WHEN)
    request_id: Mapped[str]


class OperatorAuditRow(PlatformRow):
    """What was done at the operator's level."""

    __tablename__ = "operator_audit"

    at: Mapped[datetime] = mapped_column(_WHEN)
    actor_kind: Mapped[str]
    actor_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    actor_label: Mapped[str]
    verb: Mapped[str]
    subject: Mapped[str]
    subject_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    reason: Mapped[str]
    origin: Mapped[str]
    request_id: Mapped[str]
    facts: Mapped[dict[str, object]] = mapped_column(JSONB)
