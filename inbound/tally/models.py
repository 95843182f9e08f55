"""The table of counts."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import PlatformRow


class InboundTally(PlatformRow):
    """How often something happened on one day (UTC)."""

    __tablename__ = "inbound_tally"

    day: Mapped[date] = mapped_column(sa.Date)
    what: Mapped[str] = mapped_column(sa.Text)
    mails: Mapped[int] = mapped_column(sa.BigInteger)
