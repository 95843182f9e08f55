"""Reads a message's header block into fields, byte for byte, and its body. Pure.

Nothing is interpreted here, so what is not touched later leaves as it came (RFC 5322 2.2, 3.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from posthouse.sending.mime.refusals import MimeRefused

MOST_HEAD_BYTES = 256 * 1024
MOST_FIELDS = 1_000
MOST_LINE_BYTES = 998  # RFC 5322 2.1.1, without CRLF
_ROOM = MOST_LINE_BYTES - 130  # the name stands before the first line
_FIELD = re.compile(rb"([A-Za-z0-9][!-9;-~]{0,126}):((?:[^\r\n]|\r\n[ \t])*)\r\n")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BLANK_FOLD = re.compile(rb"\r\n[ \t]+(?=\r\n)")
_ALONE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


class Field(NamedTuple):
    """One header field. `value` is all after the colon without the last line end, folds and blanks included."""

    name: str
    value: bytes

    @property
    def key(self) -> str:
        """The name in lower case."""
        return self.name.lower()

    def wire(self) -> bytes:
        """Return the field as it stands in a message."""
        return self.name.encode() + b":" + self.value + b"\r\n"


def with_crlf(raw: bytes) -> bytes:
    """Give a message whose lines end with LF alone CRLF; one that mixes line ends is returned as it is, to be refused."""
    return raw if b"\r" in raw else raw.replace(b"\n", b"\r\n")


def read(raw: bytes) -> tuple[list[Field], bytes]:
    """Return the fields and the body, which ends with CRLF or is empty. Raises: MimeRefused."""
    if _ALONE.search(raw):
        raise MimeRefused("mime_line_ends", "The message has a CR or LF that stands alone. End every line with CRLF (RFC 5322 2.3).")
    if b"\x00" in raw:
        raise MimeRefused("mime_nul", "The message holds a NUL byte, which no mail may carry. Encode the part as base64.")
    head, mark, body = raw.partition(b"\r\n\r\n")
    if not mark and not raw.endswith(b"\r\n"):
        head += b"\r\n" if head else b""
    fields = fields_of(head + b"\r\n" if mark else head)
    return fields, body if not body or body.endswith(b"\r\n") else body + b"\r\n"


def fields_of(head: bytes) -> list[Field]:
    """Return the fields of a header block whose lines all end with CRLF. Raises: MimeRefused."""
    if len(head) > MOST_HEAD_BYTES:
        raise MimeRefused("mime_head_too_large", f"The header has more than {MOST_HEAD_BYTES // 1024} KB. Leave out what isn't needed.")
    head = _BLANK_FOLD.sub(b"", head)
    found, place = [], 0
    while place < len(head):
        match = _FIELD.match(head, place)
        if match is None:
            line = head[place:].partition(b"\r\n")[0][:60].decode("ascii", "replace")
            raise MimeRefused("mime_head_malformed", f"This is not a header line: “{line}”. A header begins with a name and a colon.")
        found.append(Field(match[1].decode(), _folded(match[2])))
        place = match.end()
        if len(found) > MOST_FIELDS:
            raise MimeRefused("mime_head_too_large", f"The header has more than {MOST_FIELDS:,} fields. Leave out what isn't needed.")
    if bad := _CONTROL.search(head):
        raise MimeRefused("mime_head_malformed", f"A header holds the control character {bad[0][0]:#04x}. Take it out.")
    return found


def _folded(value: bytes) -> bytes:
    """Fold a line that is too long at its blanks; white space stays, so the value means the same."""
    if all(len(line) <= _ROOM for line in value.split(b"\r\n")):
        return value
    return b"\r\n".join(piece for line in value.split(b"\r\n") for piece in _pieces(line))


def _pieces(line: bytes) -> Iterator[bytes]:
    place = 0
    while len(line) - place > _ROOM:
        at = max(line.rfind(blank, place + 1, place + _ROOM) for blank in (b" ", b"\t"))
        if at <= place or not line[place:at].strip():
            raise MimeRefused("mime_head_malformed", "A header has a word that is longer than a line may be. Shorten it.")
        yield line[place:at]
        place = at
    yield line[place:]
