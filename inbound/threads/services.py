"""Keep threads of people's answers: the only place that changes them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from posthouse.inbound.events import MessageAnswered
from posthouse.inbound.permissions import READ_INBOUND, WORK_REPLIES
from posthouse.inbound.threads.models import AnswerForward, ReplyThread
from posthouse.inbound.threads.rules import FORWARDS_OF_THREAD
from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.errors import missing
from posthouse.platform.events import emit
from posthouse.platform.jobs import enqueue
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending.messages.erasure import forget_messages
from posthouse.sending.messages.queries import MessageCard
from posthouse.tenants.accounts.queries import get_profile

FORWARD = "inbound.forward_answer"
FORGET_FORWARDS = "inbound.forget_forwarded_answers"


def note_answer(scope: Scope, *, mail_id: int, message: MessageCard) -> None:
    """Put a kept mail into its message's thread, tell of it, and forward it where the tenant wants that. Call it once for a mail."""
    now = clock.now()
    values = {"tenant_id": scope.tenant, "message_id": message.id, "contact_id": message.contact_id, "last_mail_id": mail_id, "answers": 1}
    new = insert(ReplyThread).values({**values, "first_at": now, "last_at": now, "unread": True})
    again = new.on_conflict_do_update(
        index_elements=["tenant_id", "message_id"],
        set_={"last_mail_id": mail_id, "answers": ReplyThread.answers + 1, "last_at": now, "unread": True, "done_at": None, "trouble": ""},
    )
    forwarded = session(scope).execute(again.returning(ReplyThread.forwarded)).scalar_one()
    emit(scope, MessageAnswered(message_id=message.id, inbound_mail_id=mail_id))
    if get_profile(scope).replies == "forward" and forwarded < FORWARDS_OF_THREAD:
        enqueue(scope, FORWARD, key=f"forward-{mail_id}", mail_id=mail_id)


def note_forwarded(scope: Scope, *, message_id: int, trouble: str, mail_id: int | None = None, forward_id: int | None = None) -> None:
    """Note by which message an answer was forwarded, or why it was not; harmless when repeated but for the count."""
    if mail_id is not None and forward_id is not None:
        session(scope).add(AnswerForward(mail_id=mail_id, message_id=message_id, forward_id=forward_id, at=clock.now()))
    session(scope).execute(
        sa.update(ReplyThread)
        .where(ReplyThread.tenant_id == scope.tenant, ReplyThread.message_id == message_id)
        .values(trouble=trouble[:500], forwarded=ReplyThread.forwarded + (0 if trouble else 1))
    )


def forget_forwards(scope: Scope, *, message_ids: Sequence[int]) -> int:
    """Forget the copies of answers to these messages, whose recipient is forgotten; returns how many a worker holds. May be repeated."""
    query = sa.select(AnswerForward.forward_id).where(
        AnswerForward.tenant_id == scope.tenant, AnswerForward.message_id == sa.any_(sa.literal(list(message_ids), ARRAY(sa.BigInteger)))
    )
    return forget_messages(scope, list(session(scope).scalars(query)))


def mark_read(scope: Scope, *, thread_id: int) -> None:
    """Note that somebody looked; may be repeated. Raises: Missing."""
    require(scope, READ_INBOUND)
    _thread(scope, thread_id).unread = False


def mark_done(scope: Scope, *, thread_id: int, done: bool) -> None:
    """Close a thread, or open it again; may be repeated. A new answer opens it by itself. Raises: Missing."""
    require(scope, WORK_REPLIES)
    row = _thread(scope, thread_id)
    row.done_at, row.unread = clock.now() if done else None, False


def _thread(scope: Scope, thread_id: int) -> ReplyThread:
    row = session(scope).get(ReplyThread, (scope.tenant, thread_id))
    if row is None:
        raise missing("thread")
    return row
