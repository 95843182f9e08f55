"""The table of API keys; only the hash of a key is stored."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import TenantRow, created


class ApiKey(TenantRow):
    """A key with which a program acts for the tenant."""

    __tablename__ = "api_key"

    name: Mapped[str]
    prefix: Mapped[str]
    key_hash: Mapped[bytes]
    permissions: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    made_by: Mapped[int] = mapped_column(sa.BigInteger)
    created_at: Mapped[datetime] = created()
    used_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
