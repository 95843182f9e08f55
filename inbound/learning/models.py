"""The table of learned rules."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import PlatformRow, created

_WHEN = sa.DateTime(timezone=True)


class LearnedRule(PlatformRow):
    """One rule. `sample` is the mail that it was made from, byte for byte; it stays as evidence, empty once a person whom it names is forgotten."""

    __tablename__ = "learned_rule"

    name: Mapped[str] = mapped_column(sa.Text)
    phrase: Mapped[str] = mapped_column(sa.Text)
    status: Mapped[str] = mapped_column(sa.Text)
    sender: Mapped[str] = mapped_column(sa.Text)
    kind: Mapped[str] = mapped_column(sa.Text)
    reason: Mapped[str] = mapped_column(sa.Text)
    final: Mapped[bool]
    state: Mapped[str] = mapped_column(sa.Text)
    sample: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)
    sample_of: Mapped[int | None] = mapped_column(sa.BigInteger)
    made_by: Mapped[int | None] = mapped_column(sa.BigInteger)
    created_at: Mapped[datetime] = created()
    activated_at: Mapped[datetime | None] = mapped_column(_WHEN)
