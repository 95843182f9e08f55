"""Tables of campaigns, their revisions and their figures (see migrations 0006)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import TenantRow, created
from posthouse.platform.db import Model, current_tenant

_WHEN = sa.DateTime(timezone=True)


class Campaign(TenantRow):
    """One mailing. What is written may change until it is started; what is sent stands in its revision."""

    __tablename__ = "campaign"

    name: Mapped[str]
    state: Mapped[str]
    state_reason: Mapped[str] = mapped_column(default="")
    resumes_at: Mapped[datetime | None] = mapped_column(_WHEN)
    list_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    domain_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    pool_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    from_name: Mapped[str] = mapped_column(default="")
    from_local: Mapped[str] = mapped_column(default="")
    reply_to: Mapped[str] = mapped_column(default="")
    subject: Mapped[str] = mapped_column(default="")
    preheader: Mapped[str] = mapped_column(default="")
    kind: Mapped[str] = mapped_column(default="html")
    html: Mapped[str] = mapped_column(default="")
    text: Mapped[str] = mapped_column(default="")
    revision_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    expanded_to: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    expand_until: Mapped[int | None] = mapped_column(sa.BigInteger)
    expanded_at: Mapped[datetime | None] = mapped_column(_WHEN)
    created_at: Mapped[datetime] = created()
    started_at: Mapped[datetime | None] = mapped_column(_WHEN)
    finished_at: Mapped[datetime | None] = mapped_column(_WHEN)


class CampaignRevision(TenantRow):
    """A compiled letter with its sender, never changed. Without a campaign it is a single message's content."""

    __tablename__ = "campaign_revision"

    campaign_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    number: Mapped[int]
    stream: Mapped[str]
    content_hash: Mapped[bytes]
    source: Mapped[dict[str, Any]] = mapped_column(JSONB)
    compiled: Mapped[dict[str, Any]] = mapped_column(JSONB)
    domain_id: Mapped[int] = mapped_column(sa.BigInteger)
    list_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    from_name: Mapped[str]
    from_address: Mapped[str]
    reply_to: Mapped[str]
    created_at: Mapped[datetime] = created()


class CampaignSkip(Model):
    """A contact of the list who gets no message, and why."""

    __tablename__ = "campaign_skip"

    tenant_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, default=current_tenant)
    campaign_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    contact_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    email: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime] = mapped_column(_WHEN)


class CampaignCount(Model):
    """One figure of a campaign: `facet` is total, minute, domain or link, `part` the one that it is of."""

    __tablename__ = "campaign_count"

    tenant_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, default=current_tenant)
    campaign_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    facet: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(sa.BigInteger)
