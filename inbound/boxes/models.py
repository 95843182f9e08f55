"""Tables of mailboxes that are emptied, and which of their mails were taken."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import PlatformRow, created

_WHEN = sa.DateTime(timezone=True)


class BounceBox(PlatformRow):
    """One mailbox. `validity` and `low` say up to where an IMAP folder is done; `leased_until` keeps a second worker away."""

    __tablename__ = "bounce_box"

    label: Mapped[str] = mapped_column(sa.Text)
    protocol: Mapped[str] = mapped_column(sa.Text)
    host: Mapped[str] = mapped_column(sa.Text)
    port: Mapped[int]
    tls: Mapped[str] = mapped_column(sa.Text)
    verify_tls: Mapped[bool]
    username: Mapped[str] = mapped_column(sa.Text)
    signs_in: Mapped[str] = mapped_column(sa.Text)
    token_url: Mapped[str] = mapped_column(sa.Text)
    client_id: Mapped[str] = mapped_column(sa.Text)
    password_sealed: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)
    folder: Mapped[str] = mapped_column(sa.Text)
    afterwards: Mapped[str] = mapped_column(sa.Text)
    move_to: Mapped[str] = mapped_column(sa.Text)
    state: Mapped[str] = mapped_column(sa.Text)
    validity: Mapped[int] = mapped_column(sa.BigInteger)
    low: Mapped[int] = mapped_column(sa.BigInteger)
    taken: Mapped[int] = mapped_column(sa.BigInteger)
    failures: Mapped[int]
    trouble: Mapped[str] = mapped_column(sa.Text)
    polled_at: Mapped[datetime | None] = mapped_column(_WHEN)
    next_at: Mapped[datetime] = mapped_column(_WHEN)
    leased_until: Mapped[datetime | None] = mapped_column(_WHEN)
    created_at: Mapped[datetime] = created()


class BounceBoxMail(PlatformRow):
    """A mail that was met. `taken`: it is kept in the mailroom. `settled`: it was deleted, moved or marked at the server too."""

    __tablename__ = "bounce_box_mail"

    box_id: Mapped[int] = mapped_column(sa.BigInteger)
    key: Mapped[str] = mapped_column(sa.Text)
    taken_at: Mapped[datetime] = mapped_column(_WHEN)
    taken: Mapped[bool]
    settled: Mapped[bool]
    failures: Mapped[int]
