"""The tables of threads (see migration 0008): ids, times and states only; the words stay in the mail."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import TenantRow

_WHEN = sa.DateTime(timezone=True)


class AnswerForward(TenantRow):
    """The copy by which an answer was forwarded: `mail_id` to `message_id` went out as `forward_id`."""

    __tablename__ = "answer_forward"

    mail_id: Mapped[int] = mapped_column(sa.BigInteger)
    message_id: Mapped[int] = mapped_column(sa.BigInteger)
    forward_id: Mapped[int] = mapped_column(sa.BigInteger)
    at: Mapped[datetime] = mapped_column(_WHEN)


class ReplyThread(TenantRow):
    """One of our messages with what people answered. `trouble` says why the last answer was not forwarded; empty when it was, or none was to be."""

    __tablename__ = "reply_thread"

    message_id: Mapped[int] = mapped_column(sa.BigInteger)
    contact_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    last_mail_id: Mapped[int] = mapped_column(sa.BigInteger)
    answers: Mapped[int]
    forwarded: Mapped[int] = mapped_column(server_default="0")
    trouble: Mapped[str] = mapped_column(server_default="")
    first_at: Mapped[datetime] = mapped_column(_WHEN)
    last_at: Mapped[datetime] = mapped_column(_WHEN)
    unread: Mapped[bool] = mapped_column(server_default="true")
    done_at: Mapped[datetime | None] = mapped_column(_WHEN)
