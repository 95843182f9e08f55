"""Read threads of people's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.inbound.mailroom.models import InboundMail
from posthouse.inbound.mailroom.rules import Effect
from posthouse.inbound.permissions import READ_INBOUND
from posthouse.inbound.threads.models import AnswerForward, ReplyThread
from posthouse.inbound.threads.rules import Answer, read_answer
from posthouse.platform.db import session
from posthouse.platform.errors import missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope

MAX_PAGE = 200
ANSWERS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class ThreadCard:
    """One thread in a list; `author` and `subject` are those of its last answer. `trouble`: why that was not forwarded, else empty."""

    id: int
    message_id: int
    contact_id: int | None
    author: str
    subject: str
    answers: int
    unread: bool
    done_at: datetime | None
    last_at: datetime
    last_mail_id: int
    trouble: str


@dataclass(frozen=True, slots=True)
class AnswerCard:
    """One answer with its words, to be shown as text."""

    mail_id: int
    message_id: int
    at: datetime
    answer: Answer


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """Threads, the latest answer first; `before` goes on, None at the end."""

    cards: tuple[ThreadCard, ...]
    before: int | None


def list_threads(
    scope: Scope, *, done: bool = False, contact_id: int | None = None, before: int | None = None, limit: int = 50
) -> ThreadPage:
    """List open threads, or those that are done; a contact's: all of them."""
    require(scope, READ_INBOUND)
    query = _cards(scope)
    if contact_id is not None:
        query = query.where(ReplyThread.contact_id == contact_id)
    else:
        query = query.where(ReplyThread.done_at.is_not(None) if done else ReplyThread.done_at.is_(None))
    if before is not None:
        query = query.where(ReplyThread.last_mail_id < before)
    size = max(1, min(limit, MAX_PAGE))
    rows = [_card(row) for row in session(scope).execute(query.order_by(ReplyThread.last_mail_id.desc()).limit(size + 1))]
    return ThreadPage(tuple(rows[:size]), rows[size - 1].last_mail_id if len(rows) > size else None)


def get_card(scope: Scope, *, thread_id: int) -> ThreadCard:
    """One thread. Raises: Missing."""
    require(scope, READ_INBOUND)
    row = session(scope).execute(_cards(scope).where(ReplyThread.id == thread_id)).one_or_none()
    if row is None:
        raise missing("thread")
    return _card(row)


def id_of_thread(scope: Scope, message_id: int) -> int | None:
    """The thread of a message, None where nobody answered it."""
    require(scope, READ_INBOUND)
    query = sa.select(ReplyThread.id).where(ReplyThread.tenant_id == scope.tenant, ReplyThread.message_id == message_id)
    return session(scope).scalar(query)


def get_thread(scope: Scope, *, thread_id: int) -> tuple[ThreadCard, tuple[AnswerCard, ...]]:
    """One thread with its last answers, oldest first. Raises: Missing."""
    card = get_card(scope, thread_id=thread_id)
    query = sa.select(InboundMail.id, InboundMail.received_at, InboundMail.raw).where(
        InboundMail.tenant_id == scope.tenant, InboundMail.message_id == card.message_id, InboundMail.effect == Effect.ANSWERED
    )
    # One by one: each may be as large as a mail can be.
    mails = session(scope).execute(query.order_by(InboundMail.id.desc()).limit(ANSWERS_SHOWN).execution_options(yield_per=1))
    return card, tuple(reversed([AnswerCard(one[0], card.message_id, one[1], read_answer(one[2])) for one in mails]))


def get_answer(scope: Scope, *, mail_id: int) -> AnswerCard:
    """One answer. Raises: Missing."""
    require(scope, READ_INBOUND)
    row = session(scope).get(InboundMail, (scope.tenant, mail_id))
    if row is None or row.message_id is None:
        raise missing("answer")
    return AnswerCard(row.id, row.message_id, row.received_at, read_answer(row.raw))


def get_raw(scope: Scope, *, mail_id: int, thread_id: int | None = None) -> bytes:
    """An answer byte for byte; one of a thread alone where that is given. Raises: Missing."""
    require(scope, READ_INBOUND)
    query = sa.select(InboundMail.raw).where(
        InboundMail.tenant_id == scope.tenant, InboundMail.id == mail_id, InboundMail.effect == Effect.ANSWERED
    )
    if thread_id is not None:
        query = query.where(InboundMail.message_id == get_card(scope, thread_id=thread_id).message_id)
    found = session(scope).scalar(query)
    if found is None:
        raise missing("answer")
    return found


def was_forwarded(scope: Scope, *, mail_id: int) -> bool:
    """Was this answer forwarded before?"""
    return _forward(scope, AnswerForward.mail_id == mail_id)


def is_about_a_forward(scope: Scope, *, message_id: int) -> bool:
    """Is this message itself the copy of an answer? What is answered to it goes round."""
    return _forward(scope, AnswerForward.forward_id == message_id)


def forwards_of(scope: Scope, mail_ids: Sequence[int]) -> dict[int, int]:
    """By which message each of these answers was forwarded; those that were not are left out."""
    require(scope, READ_INBOUND)
    query = sa.select(AnswerForward.mail_id, AnswerForward.forward_id).where(
        AnswerForward.tenant_id == scope.tenant, AnswerForward.mail_id.in_(mail_ids)
    )
    return {row[0]: row[1] for row in session(scope).execute(query)}


def _forward(scope: Scope, condition: sa.ColumnElement[bool]) -> bool:
    query = sa.select(AnswerForward.id).where(AnswerForward.tenant_id == scope.tenant, condition)
    return session(scope).scalar(query.limit(1)) is not None


def count_unread(scope: Scope) -> int:
    """How many open threads nobody has looked at since their last answer."""
    require(scope, READ_INBOUND)
    query = sa.select(sa.func.count()).where(ReplyThread.tenant_id == scope.tenant, ReplyThread.done_at.is_(None), ReplyThread.unread)
    return session(scope).execute(query).scalar_one()


def _cards(scope: Scope) -> sa.Select[ReplyThread, str, str]:
    last = sa.and_(InboundMail.tenant_id == ReplyThread.tenant_id, InboundMail.id == ReplyThread.last_mail_id)
    return (
        sa.select(ReplyThread, InboundMail.author, InboundMail.subject).join(InboundMail, last).where(ReplyThread.tenant_id == scope.tenant)
    )


def _card(row: sa.Row[ReplyThread, str, str]) -> ThreadCard:
    one, author, subject = row
    return ThreadCard(
        id=one.id,
        message_id=one.message_id,
        contact_id=one.contact_id,
        author=author,
        subject=subject,
        answers=one.answers,
        unread=one.unread,
        done_at=one.done_at,
        last_at=one.last_at,
        last_mail_id=one.last_mail_id,
        trouble=one.trouble,
    )
