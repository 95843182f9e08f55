"""Tables of providers' reports: who may report, and what was posted, byte for byte."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import PlatformRow, created

_WHEN = sa.DateTime(timezone=True)


class ProviderHook(PlatformRow):
    """An address that one provider may post to; `secret` is sealed and proves its posts."""

    __tablename__ = "provider_hook"

    provider: Mapped[str] = mapped_column(sa.Text)
    label: Mapped[str] = mapped_column(sa.Text)
    secret: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[datetime] = created()


class ProviderReport(PlatformRow):
    """One genuine post. `sorted_at` None: not worked through yet."""

    __tablename__ = "provider_report"

    hook_id: Mapped[int] = mapped_column(sa.BigInteger)
    fingerprint: Mapped[bytes] = mapped_column(sa.LargeBinary)
    url: Mapped[str] = mapped_column(sa.Text)
    content_type: Mapped[str] = mapped_column(sa.Text)
    event_key: Mapped[str] = mapped_column(sa.Text)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)
    received_at: Mapped[datetime] = mapped_column(_WHEN)
    sorted_at: Mapped[datetime | None] = mapped_column(_WHEN)
    events: Mapped[int | None]
