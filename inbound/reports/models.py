"""Tables of reports about sending domains."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import TenantRow

_WHEN = sa.DateTime(timezone=True)


class DomainReport(TenantRow):
    """One report of one organisation. `passed` and `failed` count messages (dmarc) or sessions (tlsrpt)."""

    __tablename__ = "domain_report"

    kind: Mapped[str] = mapped_column(sa.Text)
    domain: Mapped[str] = mapped_column(sa.Text)
    org: Mapped[str] = mapped_column(sa.Text)
    report_id: Mapped[str] = mapped_column(sa.Text)
    policy: Mapped[str] = mapped_column(sa.Text)
    begins_at: Mapped[datetime] = mapped_column(_WHEN)
    ends_at: Mapped[datetime] = mapped_column(_WHEN)
    received_at: Mapped[datetime] = mapped_column(_WHEN)
    passed: Mapped[int] = mapped_column(sa.BigInteger)
    failed: Mapped[int] = mapped_column(sa.BigInteger)
    trouble: Mapped[str | None] = mapped_column(sa.Text)


class DomainReportSource(TenantRow):
    """What one report says of one source: an address that sends in the domain's name, or a kind of failed session."""

    __tablename__ = "domain_report_source"

    domain_report_id: Mapped[int] = mapped_column(sa.BigInteger)
    source: Mapped[str] = mapped_column(sa.Text)
    detail: Mapped[str] = mapped_column(sa.Text)
    passed: Mapped[int] = mapped_column(sa.BigInteger)
    failed: Mapped[int] = mapped_column(sa.BigInteger)
