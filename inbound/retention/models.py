"""The table of addresses that were forgotten a while ago."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import PlatformRow


class ForgottenAddress(PlatformRow):
    """A keyed hash of an erased address, for as long as mail that names it may still come in and would be kept."""

    __tablename__ = "forgotten_address"

    address_hash: Mapped[bytes]
    until: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
