"""Tables of mailbox providers that the operator changed or added, and of what was learnt from MX records."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import Stamp
from posthouse.platform.db import Model


class MailboxGroup(Model):
    """A mailbox provider as the operator wants it; stands in the place of the one that came along under the same key."""

    __tablename__ = "mailbox_group"

    key: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    domains: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    mx: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))


class MailboxDomain(Model):
    """A recipients' domain that no group names. `mx` is where its mail goes, `looked_at` None: not asked yet."""

    __tablename__ = "mailbox_domain"

    domain: Mapped[str] = mapped_column(primary_key=True)
    mx: Mapped[str]
    asked_at: Mapped[Stamp]
    looked_at: Mapped[Stamp | None]
