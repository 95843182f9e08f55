"""Single messages and events for programs."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Any

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.platform.errors import Invalid
from posthouse.sending import permissions
from posthouse.sending.delivery.why import explain
from posthouse.sending.messages import queries
from posthouse.sending.messages.labels import LabelCard, get_labels, labels_on
from posthouse.sending.mime.reading import with_crlf
from posthouse.sending.transactional import services
from posthouse.sending.transactional.mime import MimeMessage, accept_mime
from posthouse.sending.transactional.services import SingleMessage
from posthouse.webui.api import cursors
from posthouse.webui.api.edge import blueprint, number
from posthouse.webui.api.message_models import (
    Accepted,
    AcceptedMime,
    Event,
    Events,
    Message,
    MessageLine,
    Messages,
    MessagesQuery,
    MimeCopy,
    NewMessage,
    NewMime,
)
from posthouse.webui.api.models import Paging, reason_of
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


@blueprint.post("/messages/mime")
@needs(permissions.SEND_MESSAGES)
@api.validate(resp=answers(AcceptedMime, 202), tags=["Messages"], operation_id="sendMime")
def send_mime(json: NewMime) -> Any:
    """Send a whole message as your program wrote it, to one or more recipients: all of them, or none.

    Large messages go by SMTP. The same Message-ID, content and recipient is the same message for 7 days.
    """
    scope = visit.scope()
    message = MimeMessage(raw=_raw(json), recipients=json.to, tags=json.tags, metadata=json.metadata, track=json.track)

    def act() -> tuple[AcceptedMime, int]:
        taken = accept_mime(scope, message)
        copies = [MimeCopy(to=one.to, id=ids.encode("msg", one.message_id), repeated=one.repeated) for one in taken.copies]
        return AcceptedMime(messages=copies, removed_headers=list(taken.removed)), 202

    return once(scope, act)


def _raw(json: NewMime) -> bytes:
    if json.encoding == "text":
        return with_crlf(json.raw.encode())
    try:
        return with_crlf(b64decode("".join(json.raw.split()), validate=True))
    except (binascii.Error, ValueError):
        raise Invalid("raw_not_base64", "“raw” is not base64. Encode the message, or say that it is text.", field="raw") from None


@blueprint.get("/messages")
@needs(permissions.READ_MESSAGES)
@api.validate(resp=answers(Messages), tags=["Messages"], operation_id="listMessages")
def list_messages(query: MessagesQuery) -> Any:
    """List messages, newest first: all of them, or those of a tag, a campaign or a contact."""
    scope = visit.scope()
    of = f"messages.{query.tag or ''}.{query.campaign_id or ''}.{query.contact_id or ''}"
    place = cursors.read(of, query.cursor)
    campaign_id = number("cmp", query.campaign_id, field="campaign_id")
    contact_id = number("con", query.contact_id, field="contact_id")
    with transaction(scope):
        found = queries.list_messages(
            scope,
            campaign_id=campaign_id,
            contact_id=contact_id,
            tag=query.tag,
            before=int(place) if place else None,
            limit=query.limit + 1,
        )
        shown = found[: query.limit]
        labels = labels_on(scope, [card.id for card in shown])
    after = cursors.make(of, shown[-1].id) if len(found) > len(shown) else None
    return Messages(data=[_line(card, labels.get(card.id, LabelCard())) for card in shown], next_cursor=after)


def _line(card: queries.MessageCard, labels: LabelCard) -> MessageLine:
    return MessageLine(
        id=ids.encode("msg", card.id),
        to=card.recipient,
        stream=card.stream,
        state=card.state,
        reason=card.reason or "",
        campaign_id=ids.encode("cmp", card.campaign_id) if card.campaign_id else None,
        contact_id=ids.encode("con", card.contact_id) if card.contact_id else None,
        created_at=card.created_at,
        settled_at=card.settled_at,
        bounced_at=card.bounced_at,
        complained_at=card.complained_at,
        tags=list(labels.tags),
        metadata=labels.metadata,
    )


@blueprint.get("/messages/<pid('msg'):message_id>")
@needs(permissions.READ_MESSAGES)
@api.validate(resp=answers(Message), tags=["Messages"], operation_id="getMessage")
def get_message(message_id: int) -> Any:
    """Return a message and its outcome."""
    scope = visit.scope()
    with transaction(scope):
        card = queries.get_message(scope, message_id)
        why = reason_of(explain(scope, card))
        labels = get_labels(scope, message_id)
    return Message(
        id=ids.encode("msg", card.id),
        to=card.recipient,
        stream=card.stream,
        state=card.state,
        reason=card.reason or "",
        why=why,
        attempts=card.attempts,
        created_at=card.created_at,
        settled_at=card.settled_at,
        reply_code=card.reply_code,
        reply_text=card.reply_text,
        tags=list(labels.tags),
        metadata=labels.metadata,
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
        labels = labels_on(scope, sorted({one.message_id for one in found}))
    data = [_event(one, labels.get(one.message_id, LabelCard())) for one in found]
    last = found[-1].place if found else place
    return Events(data=data, next_cursor=cursors.make("events", f"{last[0]}.{last[1]}"))


def _event(card: queries.EventCard, labels: LabelCard) -> Event:
    return Event(
        id=ids.encode("evt", card.id),
        message_id=ids.encode("msg", card.message_id),
        kind=card.kind,
        at=card.at,
        code=card.code,
        text=card.text or "",
        tags=list(labels.tags),
        metadata=labels.metadata,
    )


def _place(text: str | None) -> tuple[int, int]:
    first, _, second = (text or "0.0").partition(".")
    return int(first), int(second)
