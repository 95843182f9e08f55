"""What a report is written from, and the parts that several shapes share."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from posthouse.sending.simulator.cards import Reply


@dataclass(frozen=True, slots=True)
class BounceCase:
    """A letter that was accepted for a recipient and could not be delivered after all."""

    return_path: str
    recipient: str
    reply: Reply
    #: The letter's header section with CRLF.
    headers: bytes
    subject: str
    message_id: str
    at: datetime
    #: The host that accepted the letter and now reports.
    host: str

    @property
    def domain(self) -> str:
        """The recipient's domain."""
        return self.recipient.rpartition("@")[2]

    @property
    def date(self) -> str:
        """The report's date as a header."""
        return format_datetime(self.at)

    @property
    def status(self) -> str:
        """The enhanced status; 5.0.0 where the reply has none."""
        return self.reply.status or "5.0.0"

    @property
    def mark(self) -> str:
        """A queue id that depends on letter and recipient only."""
        return hashlib.blake2b(f"{self.message_id}\0{self.recipient}".encode("utf-8", "surrogateescape"), digest_size=6).hexdigest().upper()

    @property
    def original(self) -> str:
        """The letter's headers as text."""
        return self.headers.decode("utf-8", "surrogateescape")


def to_wire(text: str) -> bytes:
    """Return a report's text with CRLF line ends."""
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode("utf-8", "surrogateescape")


def wrap(text: str, *, width: int, indent: str) -> str:
    """Break a text into lines no longer than the width where there is a space to break at."""
    lines, line = [], ""
    for word in text.split():
        if line and len(indent) + len(line) + 1 + len(word) > width:
            lines.append(indent + line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, indent + line])
