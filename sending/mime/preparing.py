"""From a message as a program handed it in to what is kept: checked, cleaned, fit for every mail server. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.sending.content import headers
from posthouse.sending.content.cards import RenderFailed
from posthouse.sending.content.links import MAX_LINKS
from posthouse.sending.mime import entity, head, reading, wishes
from posthouse.sending.mime.entity import Entity, Walk
from posthouse.sending.mime.reading import Field
from posthouse.sending.mime.refusals import MimeRefused
from posthouse.sending.mime.tracked import Tracker
from posthouse.sending.mime.wishes import Wishes

_NEW_STRUCTURE = frozenset({"mime-version", "content-type", "content-transfer-encoding"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A message that may be kept. `recipients` are those of To, Cc and Bcc; `removed` the headers that were taken out, by name.

    `fields` are what leaves, in their order; addresses that can't be written in ASCII stand there in UTF-8. `body` holds a
    place wherever a recipient's token goes. `message_id` is None where the program gave none.
    """

    fields: tuple[Field, ...]
    body: bytes
    links: tuple[str, ...]
    from_name: str
    from_address: str
    sender: str | None
    reply_to: str
    message_id: str | None
    recipients: tuple[str, ...]
    removed: tuple[str, ...]
    wishes: Wishes


def prepare(raw: bytes, *, track: frozenset[str] | None = None) -> Prepared:
    """Prepare a message; `track` None: as its X-Track says. Raises: MimeRefused, Invalid (tags, metadata)."""
    fields, body = reading.read(raw)
    head.check(fields)
    asked = wishes.read(fields)
    writer = head.only_mailbox(fields, "from")
    if writer is None:
        raise MimeRefused("mime_from_missing", "The message has no From header. Put the sender's address there.", "from")
    sender = head.only_mailbox(fields, "sender")
    recipients = tuple(box.address for box in head.all_mailboxes(fields, {"to", "cc", "bcc"}))
    kept, removed = head.passing(fields)
    made, links = _body(kept, body, asked.track if track is None else track)
    return Prepared(
        fields=_structured(kept, made),
        body=made.body,
        links=links,
        from_name=writer.name,
        from_address=writer.address,
        sender=sender.address if sender else None,
        reply_to=_first(fields, "reply-to"),
        message_id=next((one.value.decode().strip() for one in fields if one.key == "message-id"), None),
        recipients=recipients,
        removed=tuple(removed),
        wishes=asked,
    )


def _body(fields: list[Field], body: bytes, track: frozenset[str]) -> tuple[Entity, tuple[str, ...]]:
    whole = entity.entity(_described(fields, body), body)
    if whole.kind.startswith("multipart/") and whole.encoding not in {"", "7bit", "8bit", "binary"}:
        raise MimeRefused(
            "mime_malformed", "A multipart message may not be encoded as a whole (RFC 2045 6.4).", "content-transfer-encoding"
        )
    tracker = Tracker(track)
    if not track and entity.fits(body):
        return whole, ()
    made = Walk(touch=tracker.touch).go(whole)
    return made, tuple(tracker.targets[:MAX_LINKS])


def _described(fields: list[Field], body: bytes) -> list[Field]:
    """Say what an 8-bit text without any word about it is: UTF-8, if it can be."""
    if body.isascii() or any(one.key == "content-type" for one in fields):
        return fields
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise MimeRefused("mime_charset_unknown", "The text has 8-bit letters and no Content-Type that says in which charset.") from None
    return [*fields, Field("Content-Type", b" text/plain; charset=utf-8")]


def _structured(kept: list[Field], made: Entity) -> tuple[Field, ...]:
    """Take the headers that describe the body from what it has become, everything else as it was; in ASCII where that is possible."""
    described = {one.key: one for one in made.fields if one.key in _NEW_STRUCTURE}
    fields = [described.pop(one.key, one) if one.key in _NEW_STRUCTURE else one for one in kept]
    fields += described.values()
    if not any(one.key == "mime-version" for one in fields) and any(one.key in _NEW_STRUCTURE for one in fields):
        fields.append(Field("MIME-Version", b" 1.0"))
    return tuple(one if _needs_utf8(one) else head.in_ascii(one) for one in fields)


def _needs_utf8(one: Field) -> bool:
    """Whether an address of the field can't be written in ASCII."""
    if one.value.isascii() or one.key not in {"to", "cc", "reply-to"}:
        head.in_ascii(one)  # refused here rather than when it is sent
        return False
    try:
        return any(headers.address(box.address).smtputf8 for box in head.all_mailboxes([one], {one.key}))
    except RenderFailed:
        return False


def _first(fields: list[Field], name: str) -> str:
    found = head.all_mailboxes(fields, {name})
    return found[0].address if found else ""
