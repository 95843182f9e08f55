"""Quoted-printable that stays what it is: on the wire, after dot-stuffing, and in DKIM's relaxed canonical form.

A text is encoded in pieces. Every piece begins and ends at the beginning of a line (by a soft break), so that a literal
piece is the same bytes whatever stands in the personal piece before it. White space that relaxed canonicalisation
(RFC 6376 3.4.4) would squeeze, dots that SMTP would double (RFC 5321 4.5.2) and `From ` at a line's beginning are encoded;
the body's hash is then the hash of the bytes that are sent.
"""

from __future__ import annotations

import re
from functools import lru_cache

SOFT_BREAK = b"=\r\n"
SHORT_CHARACTERS = 100
LETTER_BYTES = 2  # of UTF-8: an umlaut, an accented, Greek or Cyrillic letter
LINE_CHARACTERS = 76  # RFC 2045 6.7 (5), with the "=" of the soft break
_SPECIAL = re.compile(rb"[^\x20-\x3c\x3e-\x7e]+")  # all but printable ASCII; "=" is special
_WHITE = re.compile(rb"(?<= ) | +$")
# Needs nothing but a soft break after it: short, printable, single blanks, no dot or From at its beginning.
_SIMPLE = re.compile(r"(?!\.|From )[!-<>-~](?: ?[!-<>-~]){0,72}")


_HEX = [b"=%02X" % byte for byte in range(256)]


def _hex(found: re.Match[bytes]) -> bytes:
    text = found.group()
    return _hex_of_letter(text) if len(text) <= LETTER_BYTES else b"".join([_HEX[byte] for byte in text])


@lru_cache(1_024)
def _hex_of_letter(text: bytes) -> bytes:
    return b"".join([_HEX[byte] for byte in text])


def encode(text: str) -> bytes:
    """Encode a piece; an unfinished last line is ended with a soft break, so the next piece begins a line."""
    if _SIMPLE.fullmatch(text):
        return text.encode() + SOFT_BREAK
    if "\n" not in text and "\r" not in text:
        return _line(text) + SOFT_BREAK if text else b""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    out = [_line(line) + b"\r\n" for line in lines[:-1]]
    if lines[-1]:
        out.append(_line(lines[-1]) + SOFT_BREAK)
    return b"".join(out)


@lru_cache(8_192)
def _encode_short(text: str) -> bytes:
    return encode(text)


def encode_value(text: str) -> bytes:
    """Encode what stands in a personal place, which many messages share, or at least a message's two parts."""
    return _encode_short(text) if len(text) <= SHORT_CHARACTERS else encode(text)


def _line(line: str) -> bytes:
    """Encode one line, broken softly where it is long."""
    safe = _SPECIAL.sub(_hex, line.encode("utf-8", "replace"))
    if b"  " in safe or safe.endswith(b" "):
        safe = _WHITE.sub(_hex, safe)
    room = LINE_CHARACTERS - 1
    if len(safe) <= room and not safe.startswith((b".", b"From ")):
        return safe
    out, place = [], 0
    while True:
        start = _opening(safe, place)
        if len(start) + len(safe) - place - 1 <= room:
            out.append(start + safe[place + 1 :])
            return SOFT_BREAK.join(out)
        end = place + 1 + room - len(start)
        # Do not tear an encoded byte apart, nor let a line end in a blank.
        for back in (1, 2):
            if safe[end - back : end - back + 1] == b"=":
                end -= back
                break
        out.append(start + safe[place + 1 : end])
        place = end


def _opening(safe: bytes, place: int) -> bytes:
    """Return the first character of a line as it may stand there."""
    if safe.startswith(b".", place):
        return b"=2E"
    if safe.startswith(b"From ", place):
        return b"=46"
    return safe[place : place + 1]


def encode_inline(text: str) -> bytes:
    """Encode a piece that has no line break and needs no soft break of its own: the caller ends the line."""
    return encode(text).removesuffix(SOFT_BREAK)
