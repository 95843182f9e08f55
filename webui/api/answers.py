"""People's answers for programs."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Literal

from posthouse.inbound.permissions import READ_INBOUND, WORK_REPLIES
from posthouse.inbound.threads import queries, services
from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.platform.scope import Scope
from posthouse.webui.api import cursors
from posthouse.webui.api.answer_models import Answer, Thread, Threads, ThreadsQuery, ThreadState, WholeAnswer, WholeThread
from posthouse.webui.api.edge import blueprint, number
from posthouse.webui.api.once import once
from posthouse.webui.api.spec import answers, api
from posthouse.webui.edge import visit
from posthouse.webui.edge.access import needs


@blueprint.get("/answers")
@needs(READ_INBOUND)
@api.validate(resp=answers(Threads), tags=["Answers"], operation_id="listAnswers")
def list_threads(query: ThreadsQuery) -> Any:
    """List threads of people's answers, the latest answer first."""
    scope = visit.scope()
    of = f"answers.{query.done}.{query.contact_id or ''}"
    place = cursors.read(of, query.cursor)
    contact_id = number("con", query.contact_id, field="contact_id")
    with transaction(scope):
        page = queries.list_threads(scope, done=query.done, contact_id=contact_id, before=int(place) if place else None, limit=query.limit)
    after = None if page.before is None else cursors.make(of, page.before)
    return Threads(data=[Thread(**_facts(card)) for card in page.cards], next_cursor=after)


@blueprint.get("/answers/<pid('thr'):thread_id>")
@needs(READ_INBOUND)
@api.validate(resp=answers(WholeThread), tags=["Answers"], operation_id="getAnswers")
def get_thread(thread_id: int) -> Any:
    """Return one thread with what was written; it stays unread."""
    scope = visit.scope()
    with transaction(scope):
        card, found = queries.get_thread(scope, thread_id=thread_id)
    return WholeThread(**_facts(card), data=[_answer(one) for one in found])


@blueprint.get("/answers/<pid('thr'):thread_id>/<pid('eml'):mail_id>")
@needs(READ_INBOUND)
@api.validate(resp=answers(WholeAnswer), tags=["Answers"], operation_id="getAnswer")
def get_answer(thread_id: int, mail_id: int) -> Any:
    """Return one answer as it came, with its files. Strangers write it: take nothing in it for harmless."""
    scope = visit.scope()
    with transaction(scope):
        raw = queries.get_raw(scope, mail_id=mail_id, thread_id=thread_id)
        card = queries.get_answer(scope, mail_id=mail_id)
    return WholeAnswer(**_answer(card).model_dump(), raw=b64encode(raw).decode())


@blueprint.post("/answers/<pid('thr'):thread_id>/done")
@needs(WORK_REPLIES)
@api.validate(resp=answers(ThreadState), tags=["Answers"], operation_id="closeAnswers")
def close_thread(thread_id: int) -> Any:
    """Mark a thread as done; a new answer opens it again. May be repeated."""
    scope = visit.scope()
    return once(scope, lambda: _marked(scope, thread_id, done=True))


@blueprint.post("/answers/<pid('thr'):thread_id>/reopen")
@needs(WORK_REPLIES)
@api.validate(resp=answers(ThreadState), tags=["Answers"], operation_id="reopenAnswers")
def reopen_thread(thread_id: int) -> Any:
    """Open a thread again that was done. May be repeated."""
    scope = visit.scope()
    return once(scope, lambda: _marked(scope, thread_id, done=False))


def _marked(scope: Scope, thread_id: int, *, done: bool) -> tuple[ThreadState, int]:
    services.mark_done(scope, thread_id=thread_id, done=done)
    return ThreadState(id=ids.encode("thr", thread_id), state=_state(done=done)), 200


def _state(*, done: bool) -> Literal["open", "done"]:
    return "done" if done else "open"


def _facts(card: queries.ThreadCard) -> dict[str, Any]:
    return {
        "id": ids.encode("thr", card.id),
        "state": _state(done=card.done_at is not None),
        "message_id": ids.encode("msg", card.message_id),
        "contact_id": None if card.contact_id is None else ids.encode("con", card.contact_id),
        "author": card.author,
        "subject": card.subject,
        "answers": card.answers,
        "unread": card.unread,
        "last_at": card.last_at,
        "done_at": card.done_at,
        "not_forwarded": card.trouble,
    }


def _answer(card: queries.AnswerCard) -> Answer:
    said = card.answer
    return Answer(
        id=ids.encode("eml", card.mail_id),
        at=card.at,
        author=said.author,
        address=said.address,
        subject=said.subject,
        text=said.text,
        attachments=said.attachments,
    )
