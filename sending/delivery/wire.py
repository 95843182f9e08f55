"""Read SMTP replies from bytes and write envelopes to bytes; pure, no socket.

The reader is strict about what it counts and lenient about how it is written: bare line feeds and odd text are taken,
a code that isn't one, an endless line or an endless reply are not (RFC 5321 section 4.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

# RFC 5321 section 4.5.3.1.5 allows 512 octets a line; big receivers exceed it with links to their help pages.
LINE_LIMIT_BYTES = 4_096
REPLY_LIMIT_BYTES = 65_536
REPLY_LIMIT_LINES = 200
SHORT_BYTES = 128
CHUNK_BYTES = 1_024

ADDRESS_CHARACTERS = 320
_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
# RFC 3463 section 2: class, subject and detail; the class must agree with the code's first digit.
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")
_UNSAFE = re.compile(r"[\x00-\x20<>\x7f]")


class WireError(Exception):
    """The peer said something that isn't SMTP, or too much of it."""


class Unspeakable(Exception):
    """An address can't be put into an SMTP command."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete reply; `text` has its lines joined by a space, `enhanced` is None where there was none."""

    code: int
    enhanced: str | None
    text: str

    @property
    def digit(self) -> int:
        """The first digit: 2 done, 3 go on, 4 not now, 5 never."""
        return self.code // 100


class ReplyReader:
    """Collect bytes and give back complete replies, in order."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._lines: list[str] = []
        self._code = b""
        self._size = 0

    def feed(self, data: bytes) -> list[Reply]:
        """Take bytes as they came; return the replies that are complete now. Raises: WireError."""
        replies: list[Reply] = []
        if not self._pending and not self._lines and len(data) <= CHUNK_BYTES and data.endswith(b"\n"):
            # Nearly all that a server says comes in whole lines, each a whole reply.
            for line in data[:-1].split(b"\n"):
                # The same few again and again.
                reply = None if self._lines or len(line) > SHORT_BYTES else _one_line(line)
                reply = reply or self._line(line.rstrip(b"\r"))
                if reply is not None:
                    replies.append(reply)
            return replies
        self._pending += data
        start = 0
        while (end := self._pending.find(b"\n", start)) >= 0:
            line = bytes(self._pending[start:end])
            reply = None if self._lines or len(line) > SHORT_BYTES else _one_line(line)
            reply = reply or self._line(line.rstrip(b"\r"))
            start = end + 1
            if reply is not None:
                replies.append(reply)
        del self._pending[:start]
        if len(self._pending) > LINE_LIMIT_BYTES:
            raise WireError(f"a reply line is longer than {LINE_LIMIT_BYTES} bytes")
        return replies

    def _line(self, line: bytes) -> Reply | None:
        found = _LINE.fullmatch(line)
        if found is None:
            raise WireError(f"not an SMTP reply: {line[:80]!r}")
        code, more, rest = found.group(1), found.group(2), found.group(3) or b""
        self._size += len(line)
        if len(line) > LINE_LIMIT_BYTES or self._size > REPLY_LIMIT_BYTES or len(self._lines) >= REPLY_LIMIT_LINES:
            raise WireError("a reply is too long")
        if self._lines and code != self._code:
            raise WireError(f"a reply changes its code from {self._code!r} to {code!r}")
        self._code = code
        self._lines.append(_text(rest))
        return None if more == b"-" else self._finish()

    def _finish(self) -> Reply:
        reply = make_reply(int(self._code), self._lines)
        self._lines = []
        self._size = 0
        return reply


@lru_cache(512)
def _one_line(line: bytes) -> Reply | None:
    """Read a reply of one line; None where it is not that, or not one at all."""
    found = _LINE.fullmatch(line.rstrip(b"\r"))
    if found is None or found.group(2) == b"-":
        return None
    return make_reply(int(found.group(1)), [_text(found.group(3) or b"")])


def _text(rest: bytes) -> str:
    # No database keeps a NUL in a text.
    return rest.replace(b"\x00", b"?").decode("utf-8", "replace")


def make_reply(code: int, lines: list[str]) -> Reply:
    """Join the lines of a reply and take the enhanced status code out of each line (RFC 2034 section 4)."""
    enhanced = None
    texts = []
    for line in lines:
        found = _ENHANCED.match(line)
        if found is not None and found.group(1) == str(code // 100):
            enhanced = enhanced or found.group(0)
            texts.append(line[found.end() :].strip())
        else:
            texts.append(line.strip())
    return Reply(code, enhanced, " ".join(text for text in texts if text))


@dataclass(frozen=True, slots=True)
class Offers:
    """What the server offered in its answer to EHLO and what follows from it."""

    pipelining: bool = False
    size: bool = False
    eight_bit: bool = False
    utf8: bool = False


def envelope(return_path: str, recipient: str, size_bytes: int, offers: Offers) -> tuple[bytes, bytes]:
    """Return the MAIL and the RCPT line. Raises: Unspeakable, when an address can't be written in SMTP to this server."""
    both = return_path + recipient
    if _UNSAFE.search(both) or len(return_path) > ADDRESS_CHARACTERS or len(recipient) > ADDRESS_CHARACTERS:
        raise Unspeakable("the address has characters that SMTP doesn't allow")
    if not recipient:
        raise Unspeakable("the address is empty")
    extra = f" SIZE={size_bytes}" if offers.size else ""
    if not both.isascii():
        if not offers.utf8:
            raise Unspeakable("the server takes no international addresses (SMTPUTF8)")
        extra += " SMTPUTF8"
    mail = f"MAIL FROM:<{return_path}>{extra}\r\n"
    return mail.encode(), f"RCPT TO:<{recipient}>\r\n".encode()
