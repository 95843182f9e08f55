"""Read the arguments of MAIL and RCPT (RFC 5321 sections 4.1.1.2 and 4.1.1.3), and judge a letter's line ends."""

from __future__ import annotations

import re
from dataclasses import dataclass

from posthouse.sending.simulator.cards import Reply

MAX_MESSAGE_BYTES = 26_214_400

_PATH = re.compile(rb'(FROM|TO):[ ]?<((?:"(?:[^"\\]|\\.)*"|[^">])*)>(.*)\Z', re.IGNORECASE | re.DOTALL)

BAD_MAIL = Reply(501, "5.5.4", ("Syntax: MAIL FROM:<address>",))
BAD_RCPT = Reply(501, "5.1.3", ("Syntax: RCPT TO:<address>",))
TOO_BIG = Reply(552, "5.3.4", ("Message size exceeds fixed limit",))
NOT_ASCII = Reply(553, "5.6.7", ("Address is not ASCII and SMTPUTF8 was not asked for",))
BARE_LINE_END = Reply(550, "5.6.11", ("Message contains bare CR or LF",))


@dataclass(frozen=True, slots=True)
class Sender:
    """The envelope sender (empty for a null return path) and whether SMTPUTF8 was asked for."""

    address: str
    utf8: bool


def read_mail(argument: bytes) -> Sender | Reply:
    """Return the sender named by a MAIL command, or the reply that refuses it."""
    path = _PATH.match(argument)
    if path is None or path[1].upper() != b"FROM":
        return BAD_MAIL
    parameters = path[3].upper().split()
    size = next((word[5:] for word in parameters if word.startswith(b"SIZE=")), b"0")
    if not size.isdigit() or int(size) > MAX_MESSAGE_BYTES:
        return TOO_BIG
    utf8 = b"SMTPUTF8" in parameters
    if not (utf8 or path[2].isascii()):
        return NOT_ASCII
    return Sender(path[2].decode("utf-8", "surrogateescape"), utf8)


def read_rcpt(argument: bytes, *, utf8: bool) -> str | Reply:
    """Return the recipient named by a RCPT command, or the reply that refuses it."""
    path = _PATH.match(argument)
    if path is None or path[1].upper() != b"TO" or b"@" not in path[2]:
        return BAD_RCPT
    if not (utf8 or path[2].isascii()):
        return NOT_ASCII
    return path[2].decode("utf-8", "surrogateescape")


def objection_to_body(body: bytes) -> Reply | None:
    """Return the refusal of a letter that is too big or has a bare CR or LF (RFC 5321 section 2.3.8), else None."""
    if len(body) > MAX_MESSAGE_BYTES:
        return TOO_BIG
    if not body.count(b"\n") == body.count(b"\r\n") == body.count(b"\r"):
        return BARE_LINE_END
    return None


def without_stuffing(body: bytes) -> bytes:
    """Undo the dots that were put before lines beginning with one (RFC 5321 section 4.5.2)."""
    if body.startswith(b".."):
        body = body[1:]
    return body.replace(b"\r\n..", b"\r\n.") if b"\r\n.." in body else body
