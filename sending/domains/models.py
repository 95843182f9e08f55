"""Tables of sending domains (see migrations 0006)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import TenantRow, created

_WHEN = sa.DateTime(timezone=True)


class SendingDomain(TenantRow):
    """A From domain of a tenant. `findings` holds the last evidence by kind of record."""

    __tablename__ = "sending_domain"

    domain: Mapped[str]
    state: Mapped[str]
    claim_code: Mapped[str]
    selector: Mapped[str]
    dkim_sealed: Mapped[bytes]
    dkim_record: Mapped[str]
    findings: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    return_path_ok: Mapped[bool] = mapped_column(default=False)
    tracking_ok: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = created()
    checked_at: Mapped[datetime | None] = mapped_column(_WHEN)
    verified_at: Mapped[datetime | None] = mapped_column(_WHEN)
    absent_since: Mapped[datetime | None] = mapped_column(_WHEN)
