"""Take a mail apart without recursion and within limits.

The standard library's parser recurses (1,000 nested parts end it with a RecursionError) and needs seconds for some inputs,
so this one keeps its own stack and stops at fixed limits. A mail past a limit is not lost: it stays readable as far as it was
read, and says so in `trouble`.
"""

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from posthouse.inbound.parsing.headers import Fields, decode, first, parameters, read_fields

DEPTH_LIMIT = 50
PART_LIMIT = 1_000
LINES_LIMIT = 20_000  # lines that begin like a boundary
SIZE_LIMIT = 32 * 1024 * 1024  # bytes looked at; the listener takes less

_MBOX_LINES = 10
_CONTINUED_TYPE = re.compile(r"^([\w.+-]{1,100}/[\w.+-]{1,100})", re.ASCII)
_HOLDS_MAIL = ("message/rfc822", "message/global", "message/news")
_TEXT_LIMIT = 1024 * 1024


@dataclass(slots=True)
class Part:
    """One part of a mail; the root is the mail itself."""

    fields: Fields
    body: bytes
    content_type: str
    params: dict[str, str]
    depth: int
    children: list["Part"] = field(default_factory=list)
    heads: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Remember the first value of each field: a mail is asked for some forty of them."""
        self.heads = dict(reversed(self.fields))

    def get(self, name: str) -> str:
        """The first value of a field, or an empty string."""
        return self.heads.get(name, "")

    def content(self) -> bytes:
        """The body with its transfer encoding undone, as far as it can be."""
        encoding = self.get("content-transfer-encoding").strip().lower()
        if encoding == "base64":
            return _unbase64(self.body)
        if encoding == "quoted-printable":
            return quopri.decodestring(self.body)
        return self.body

    def text(self) -> str:
        """The body as text, at most the first megabyte."""
        return decode(self.content()[:_TEXT_LIMIT], self.params.get("charset", "") or _guess(self.body)).replace("\r\n", "\n")


@dataclass(slots=True)
class Mail:
    """A mail taken apart: the root and every part in order, with the limit that was passed, if any."""

    root: Part
    parts: list[Part]
    trouble: str | None


def parse(raw: bytes) -> Mail:
    """Take a mail apart; never raises, for any bytes. CRLF, LF and CR line ends give the same result."""
    data = raw[:SIZE_LIMIT].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    trouble = "size" if len(raw) > SIZE_LIMIT else None
    root = _part(_without_mbox_lines(data), 0)
    parts: list[Part] = []
    waiting = [root]
    while waiting:
        part = waiting.pop()
        parts.append(part)
        if len(parts) >= PART_LIMIT:
            return Mail(root, parts, "parts")
        inside = _inside(part)
        if inside and part.depth >= DEPTH_LIMIT:
            trouble = "depth"
            continue
        part.children = [_part(piece, part.depth + 1) for piece in inside[: PART_LIMIT + 1]]
        waiting.extend(reversed(part.children))
    return Mail(root, parts, trouble)


def _without_mbox_lines(data: bytes) -> bytes:
    # Mailboxes and forwarders put their own lines and empty ones before the first field.
    for _ in range(_MBOX_LINES):
        data = data.lstrip(b"\n")
        if data[:5] != b"From " and data[:6] != b">From ":
            break
        data = data.partition(b"\n")[2]
    return data


def _inside(part: Part) -> list[bytes]:
    if part.content_type.startswith("multipart/"):
        boundary = part.params.get("boundary", "")
        return _split(part.body, boundary.encode("utf-8", "replace")) if 0 < len(boundary) <= 256 else []
    if part.content_type in _HOLDS_MAIL:
        return [part.content().lstrip(b"\n")]
    return []


def _split(body: bytes, boundary: bytes) -> list[bytes]:
    """The pieces between boundary lines (RFC 2046 5.1.1); a missing last boundary is forgiven."""
    pieces: list[bytes] = []
    start = -1
    for begins, ends, is_last in _boundaries(body, boundary):
        if start >= 0:
            pieces.append(body[start:begins])
        if is_last or len(pieces) > PART_LIMIT:
            return pieces
        start = ends + 1
    if 0 <= start < len(body):
        pieces.append(body[start:])
    return pieces


def _boundaries(body: bytes, boundary: bytes) -> Iterator[tuple[int, int, bool]]:
    marker, at, looked_at = b"\n--" + boundary, 0, 0
    if body.startswith(marker[1:]):
        found = _boundary_line(body, len(marker) - 1)
        if found:
            yield 0, *found
    # Millions of lines may begin like a boundary and be none; real mail has a handful of those.
    while (at := body.find(marker, at)) >= 0 and looked_at < LINES_LIMIT:
        found = _boundary_line(body, at + len(marker))
        if found:
            yield at, *found
        at += len(marker)
        looked_at += 1


def _boundary_line(body: bytes, at: int) -> tuple[int, bool] | None:
    end = body.find(b"\n", at)
    end = len(body) if end < 0 else end
    rest = body[at:end].strip(b" \t") if end - at < 200 else b"too long"
    return (end, rest == b"--") if rest in (b"", b"--") else None


def _part(data: bytes, depth: int) -> Part:
    head, body = _cut_head(data)
    fields = read_fields(decode(head, "utf-8"))
    value = first(fields, "content-type")
    found = _CONTINUED_TYPE.match(value.strip())
    content_type = found.group(1).lower() if found else "text/plain"
    return Part(fields, body, content_type, parameters(value), depth)


def _cut_head(data: bytes) -> tuple[bytes, bytes]:
    if data[:1] == b"\n":
        return b"", data[1:]
    end = data.find(b"\n\n")
    if end < 0:
        # No empty line at all: a header alone, or a body alone if its first line is no field.
        return (data, b"") if re.match(rb"[!-9;-~]{1,128}[ \t]*:", data) else (b"", data)
    return data[:end], data[end + 2 :]


def _unbase64(body: bytes) -> bytes:
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
    try:
        return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))
    except binascii.Error:
        return binascii.a2b_base64(clean[: len(clean) // 4 * 4])


def _guess(body: bytes) -> str:
    # ISO-2022-JP announces itself by its escapes, and Japanese reports often name no charset.
    return "iso-2022-jp" if b"\x1b$" in body else "utf-8"
