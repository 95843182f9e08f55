"""Single messages and events for programs."""

from __future__ import annotations

from typing import Any

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.sending import permissions
from posthouse.sending.delivery.why import explain
from posthouse.sending.messages import queries
from posthouse.sending.transactional import services
from posthouse.sending.transactional.services import SingleMessage
from posthouse.webui.api import cursors
from posthouse.webui.api.edge import blueprint
from posthouse.webui.api.models import Accepted, Event, Events, Message, NewMessage, Paging, Reason
from posthouse.webui.api.once import once
from posthouse.webui.api.spec import answers, api
from posthouse.webui.edge import visit
from posthouse.webui.edge.access import needs


@blueprint.post("/messages")
@needs(permissions.SEND_MESSAGES)
@api.validate(resp=answers(Accepted, 202), tags=["Messages"], operation_id="sendMessage")
def send_message(json: NewMessage) -> Any:
    """Send a single message. 202 means that it is kept: it will be sent, whatever breaks meanwhile."""
    scope = visit.scope()

    def act() -> tuple[Accepted, int]:
        taken = services.accept(scope, SingleMessage(**json.model_dump()))
        return Accepted(id=ids.encode("msg", taken.message_id)), 202

    return once(scope, act)


@blueprint.get("/messages/<pid('msg'):message_id>")
@needs(permissions.READ_MESSAGES)
@api.validate(resp=answers(Message), tags=["Messages"], operation_id="getMessage")
def get_message(message_id: int) -> Any:
    """Return a message and its outcome."""
    scope = visit.scope()
    with transaction(scope):
        card = queries.get_message(scope, message_id)
        why = explain(scope, card)
    return Message(
        id=ids.encode("msg", card.id),
        to=card.recipient,
        stream=card.stream,
        state=card.state,
        reason=card.reason or "",
        why=Reason(code=why.code, sentence=why.sentence, advice=why.advice, until=why.until),
        attempts=card.attempts,
        created_at=card.created_at,
        settled_at=card.settled_at,
        reply_code=card.reply_code,
        reply_text=card.reply_text,
    )


@blueprint.get("/events")
@needs(permissions.READ_MESSAGES)
@api.validate(resp=answers(Events), tags=["Events"], operation_id="listEvents")
def list_events(query: Paging) -> Any:
    """Follow what happens to messages, oldest first: ask again with `next_cursor`."""
    scope = visit.scope()
    place = _place(cursors.read("events", query.cursor))
    with transaction(scope):
        found = queries.events_after(scope, after=place, limit=query.limit)
    data = [
        Event(
            id=ids.encode("evt", one.id),
            message_id=ids.encode("msg", one.message_id),
            kind=one.kind,
            at=one.at,
            code=one.code,
            text=one.text or "",
        )
        for one in found
    ]
    last = found[-1].place if found else place
    return Events(data=data, next_cursor=cursors.make("events", f"{last[0]}.{last[1]}"))


def _place(text: str | None) -> tuple[int, int]:
    first, _, second = (text or "0.0").partition(".")
    return int(first), int(second)
