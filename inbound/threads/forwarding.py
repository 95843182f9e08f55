"""Make the message by which a person's answer is forwarded: pure.

It is a new message of the tenant's, not a redirected one: From is the tenant's own, so that DMARC passes (RFC 7489 3.1), with the
person's name before it and their address in Reply-To. What they wrote stays byte for byte, with its attachments. It bears no
Auto-Submitted: a person wrote it (RFC 3834 5.2), and desks that make tickets of mail leave out what is marked as a program's.
Programs that are away answer our return path (RFC 3834 4), and Exchange's is told not to. References name what the person
wrote, so that an answer finds its conversation at their side.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from posthouse.inbound.parsing.headers import read_fields
from posthouse.inbound.threads.rules import Answer, forwarded_subject, forwarded_text
from posthouse.platform.secrets import Keyring
from posthouse.sending.content import headers
from posthouse.sending.mime.mailboxes import NotMailboxes, read_one
from posthouse.sending.mime.reading import Field, fields_of
from posthouse.sending.mime.refusals import MimeRefused

MARK = "X-Forwarded-Answer"
"""Says that we forwarded a message, with a word that only we can write: one that comes back is not forwarded again."""
_MARK_BYTES = 16
_MOST_REFERENCES = 20
_STRUCTURE = ("mime-version", "content-type", "content-transfer-encoding", "content-language")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")
_WORDS_ONLY = [Field("MIME-Version", b" 1.0"), Field("Content-Type", b" text/plain; charset=utf-8")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who forwards, to whom, and by which name the message is known: the same answer always by the same one."""

    writer_name: str
    writer_address: str
    to: str
    message_id: str
    mark: str
    at: datetime


def mark_of(keyring: Keyring, tenant_id: int) -> str:
    """The word that marks what was forwarded for a tenant."""
    return keyring.mac("forwarded-answer", tenant_id.to_bytes(8), length=_MARK_BYTES).hex()


def went_round(raw: bytes, mark: str) -> bool:
    """Is this one of those that we forwarded? A mark that somebody made up is none."""
    head = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode("latin-1")
    given = [value.strip() for name, value in read_fields(head) if name == MARK.lower()]
    return any(hmac.compare_digest(one.encode(), mark.encode()) for one in given)


def whole(raw: bytes, answer: Answer, envelope: Envelope) -> bytes | None:
    """The answer as the person wrote it, under our header. None where its form can't be passed on."""
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    head, mark, body = lines.partition(b"\r\n\r\n")
    if not mark or b"\x00" in lines:
        return None
    try:
        fields = fields_of(head + b"\r\n")
    except MimeRefused:
        return None
    kept = {one.key: one for one in reversed(fields) if one.key in _STRUCTURE}
    return _written([*_head(answer, envelope, fields), *(kept[name] for name in _STRUCTURE if name in kept)], body)


def words(answer: Answer, envelope: Envelope) -> bytes:
    """The answer's words alone, with who wrote them and what was left out."""
    text = forwarded_text(answer).replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return _written([*_head(answer, envelope, []), *_WORDS_ONLY], text.replace("\n", "\r\n").encode("utf-8", "replace"))


def _head(answer: Answer, envelope: Envelope, fields: list[Field]) -> list[Field]:
    # Without an address of theirs an answer goes to the tenant, never back into the inbox: that would be a circle.
    reply_to = answer.address or envelope.writer_address
    made = [
        ("From", headers.mailbox(_name(answer, envelope.writer_name), envelope.writer_address)),
        ("To", envelope.to.encode()),
        ("Reply-To", reply_to.encode()),
        ("Subject", headers.unstructured(forwarded_subject(answer.subject), "Subject")),
        ("Date", format_datetime(envelope.at).encode()),
        ("Message-ID", envelope.message_id.encode()),
        *(("References", known) for known in [_references(fields)] if known),
        (MARK, envelope.mark.encode()),
        ("X-Auto-Response-Suppress", b"OOF, AutoReply"),
    ]
    return [Field(name, b" " + value) for name, value in made]


def _name(answer: Answer, writer: str) -> str:
    """Who wrote, and by whom it comes; no address stands in a name, since it is another than the message comes from."""
    try:
        box = read_one(answer.author)
    except NotMailboxes:
        return writer
    name = " ".join(word for word in box.name.split() if "@" not in word) or box.address.partition("@")[0]
    who = headers.one_line(re.sub(r"[<>\"]", " ", name))[:80]
    return f"{who} via {writer}" if who and writer else who or writer


def _references(fields: list[Field]) -> bytes:
    named = [found for key in ("references", "message-id") for one in fields if one.key == key for found in _ids(one.value)]
    return "\r\n ".join(dict.fromkeys(named[-_MOST_REFERENCES:])).encode()


def _ids(value: bytes) -> list[str]:
    return _MESSAGE_ID.findall(value.decode("ascii", "ignore"))


def _written(fields: list[Field], body: bytes) -> bytes:
    return b"".join(one.wire() for one in fields) + b"\r\n" + body
