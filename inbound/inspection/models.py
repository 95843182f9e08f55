"""The table of mail that a person brought and wants to count."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import PlatformRow


class BroughtMail(PlatformRow):
    """A mail on its way to the mailroom; it is gone once it is sorted. It counts for that one tenant and for nobody else."""

    __tablename__ = "brought_mail"

    for_tenant_id: Mapped[int] = mapped_column(sa.BigInteger)
    raw: Mapped[bytes] = mapped_column(sa.LargeBinary)
    brought_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
