"""A MIME entity and the tree below it: split, changed only where a part must change, and put together again. Pure.

A part that needs no change keeps its bytes. Parts under a signature of their own (S/MIME, PGP) are never changed.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import Message

from posthouse.sending.mime import head
from posthouse.sending.mime.reading import MOST_LINE_BYTES, Field, fields_of
from posthouse.sending.mime.refusals import MimeRefused

MOST_DEPTH = 50
MOST_PARTS = 1_000
_LONG = re.compile(rb"[^\r\n]{%d}" % (MOST_LINE_BYTES + 1))
_SEALED = frozenset({"multipart/signed", "multipart/encrypted"})
_IDENTITY = frozenset({"", "7bit", "8bit", "binary"})


@dataclass(frozen=True, slots=True)
class Entity:
    """A header and a body. `kind` is its content type in lower case."""

    fields: tuple[Field, ...]
    body: bytes
    kind: str
    boundary: str
    charset: str
    encoding: str
    attached: bool

    def replaced(self, body: bytes, **new: str) -> Entity:
        """Return it with another body and other header values; names with _ for -."""
        values = {name.replace("_", "-"): value for name, value in new.items()}
        fields = [Field(one.name, b" " + values.pop(one.key).encode()) if one.key in values else one for one in self.fields]
        fields += [Field(name.title().replace("Mime", "MIME"), b" " + value.encode()) for name, value in values.items()]
        return entity(fields, body)

    def wire(self) -> bytes:
        """Return it as bytes."""
        return b"".join(one.wire() for one in self.fields) + b"\r\n" + self.body


def entity(fields: Sequence[Field], body: bytes) -> Entity:
    """Read what the header says of the body."""
    values = Message()
    for one in fields:
        if one.key in {"content-type", "content-transfer-encoding", "content-disposition"} and len(one.value) < 32_000:
            values[one.name] = " ".join(one.value.decode("ascii", "replace").split())
    boundary = values.get_boundary() if values.get_content_maintype() == "multipart" else ""
    return Entity(
        fields=tuple(fields),
        body=body,
        kind=values.get_content_type(),
        boundary=boundary or "",
        charset=(values.get_content_charset() or "us-ascii"),
        encoding=str(values.get("content-transfer-encoding", "")).strip().lower(),
        attached=values.get_content_disposition() == "attachment",
    )


@dataclass(slots=True)
class Walk:
    """One pass over a tree. `touch(leaf)` returns another leaf or the same; then all is made 7-bit with short lines."""

    touch: Callable[[Entity], Entity] = lambda leaf: leaf
    parts: int = 0

    def go(self, one: Entity, depth: int = 0, *, sealed: bool = False) -> Entity:
        """Return the entity fit to leave. Raises: MimeRefused."""
        self.parts += 1
        if depth > MOST_DEPTH or self.parts > MOST_PARTS:
            raise MimeRefused("mime_too_complex", f"The message is nested deeper than {MOST_DEPTH} or has over {MOST_PARTS:,} parts.")
        fine = fits(one.body)
        if sealed:
            if not fine:
                raise MimeRefused(
                    "mime_signed_not_7bit", "A signed part has 8-bit or overlong lines. Encode it before you sign it (RFC 1847 2.1)."
                )
            return one
        if one.kind.startswith("multipart/") and one.boundary and one.encoding in _IDENTITY:
            return self._multipart(one, depth)
        if one.kind in {"message/rfc822", "message/global"} and one.encoding in _IDENTITY:
            return one if fine else self._enclosed(one, depth)
        leaf = self.touch(one)
        return leaf if fits(leaf.body) else seven_bit(leaf)

    def _multipart(self, one: Entity, depth: int) -> Entity:
        delimiter = re.compile(rb"(?:\A|\r\n)--" + re.escape(one.boundary.encode("ascii", "replace")) + rb"(--)?[ \t]*(?=\r\n|\Z)")
        marks = list(_up_to_end(delimiter, one.body))
        pieces, place = [], 0
        for number, mark in enumerate(marks):
            pieces.append(one.body[place : mark.end()])
            place = mark.end()
            if mark[1]:
                break
            end = marks[number + 1].start() if number + 1 < len(marks) else len(one.body)
            start = min(place + 2, end)  # the line end behind the delimiter
            pieces += [one.body[place:start], self._part(one.body[start:end], depth, sealed=one.kind in _SEALED)]
            place = end
        rest = one.body[place:]
        body = b"".join(pieces) + (rest if fits(rest) else b"\r\n")
        if not fits(body):
            raise MimeRefused("mime_malformed", "A part of the message can't be read: 8-bit or overlong text outside of all parts.")
        if body == one.body and one.encoding in {"", "7bit"}:
            return one
        return one.replaced(body, content_transfer_encoding="7bit") if one.encoding not in {"", "7bit"} else one.replaced(body)

    def _part(self, raw: bytes, depth: int, *, sealed: bool) -> bytes:
        if raw.startswith(b"\r\n"):
            top, body = b"", raw[2:]
        else:
            top, _, body = raw.partition(b"\r\n\r\n")
        try:
            fields = [head.in_ascii(one) for one in fields_of(top.removesuffix(b"\r\n") + b"\r\n" if top else b"")]
        except MimeRefused:
            if fits(raw):
                return raw  # nobody can read its header, but it harms nobody
            raise
        part = entity(fields, body)
        made = self.go(part, depth + 1, sealed=sealed)
        return raw if made is part and fits(top) else made.wire()

    def _enclosed(self, one: Entity, depth: int) -> Entity:
        """Make a forwarded message 7-bit; its own content is nobody's to track."""
        inside = Walk(parts=self.parts)
        made = inside._part(one.body, depth, sealed=False)
        self.parts = inside.parts
        return one.replaced(made, content_transfer_encoding="7bit", content_type="message/rfc822")


def _up_to_end(delimiter: re.Pattern[bytes], body: bytes) -> list[re.Match[bytes]]:
    found = []
    for mark in delimiter.finditer(body):
        found.append(mark)
        if mark[1] or len(found) > MOST_PARTS + 1:
            break
    return found


def fits(data: bytes) -> bool:
    """Say whether every mail server takes these lines: 7-bit and short (RFC 5321 2.3.1, 4.5.3.1.6)."""
    return data.isascii() and _LONG.search(data) is None


def decoded(leaf: Entity) -> bytes:
    """Return a leaf's content."""
    if leaf.encoding == "base64":
        return base64.b64decode(re.sub(rb"[^A-Za-z0-9+/]", b"", leaf.body) + b"===", validate=False) if leaf.body.strip() else b""
    if leaf.encoding == "quoted-printable":
        return quopri.decodestring(leaf.body)
    return leaf.body


def seven_bit(leaf: Entity) -> Entity:
    """Return a leaf encoded so that it passes everywhere and means the same (RFC 6152 3, RFC 6376 5.3). Raises: MimeRefused."""
    if leaf.kind.startswith(("message/", "multipart/")):
        raise MimeRefused("mime_malformed", f"A part of type {leaf.kind} has 8-bit or overlong lines and may not be encoded.")
    try:
        content = decoded(leaf)
    except (binascii.Error, ValueError):
        raise MimeRefused("mime_malformed", f"A part of type {leaf.kind} says it is {leaf.encoding} and is not.") from None
    if leaf.kind.startswith("text/") and leaf.encoding != "base64":
        made = re.sub(rb"(?<!\r)\n", b"\r\n", binascii.b2a_qp(content, istext=True))
        return leaf.replaced(made, content_transfer_encoding="quoted-printable")
    made = re.sub(rb"\n", b"\r\n", base64.encodebytes(content))
    return leaf.replaced(made, content_transfer_encoding="base64")
