"""What the simulator's parts hand to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Stage(StrEnum):
    """Where in the SMTP dialogue a reply is given."""

    RCPT = "rcpt"
    DATA = "data"


class Engagement(StrEnum):
    """What a mailbox does with a letter that it kept."""

    PREFETCH = "prefetch"
    SCAN = "scan"
    OPEN = "open"
    CLICK = "click"
    UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True)
class Reply:
    """An SMTP reply: code, enhanced status (RFC 3463; empty means none is sent) and one or more lines of text."""

    code: int
    status: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The text on one line, as a bounce quotes it."""
        return " ".join(self.lines)

    def wire(self) -> bytes:
        """Return the reply as sent; the enhanced status starts each line (RFC 2034 section 4)."""
        lead = f"{self.status} " if self.status else ""
        last = len(self.lines) - 1
        return b"".join(
            f"{self.code}{' ' if number == last else '-'}{lead}{line}\r\n".encode("utf-8", "replace")
            for number, line in enumerate(self.lines)
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What one address does with every letter, the same each time for one scenario and seed."""

    provider: str
    style: str
    refusal: Reply | None = None
    refusal_stage: Stage = Stage.RCPT
    deferral: Reply | None = None
    deferral_stage: Stage = Stage.RCPT
    #: How many attempts are put off; None means all of them.
    deferrals: int | None = 0
    drops_connection: bool = False
    latency_seconds: float = 0.0
    bounce: Reply | None = None
    bounce_shape: str = ""
    complaint: str = ""
    autoreply: str = ""
    unsubscribe: str = ""
    engagements: frozenset[Engagement] = frozenset()

    @property
    def reacts(self) -> bool:
        """Say whether anything comes back after the letter was accepted."""
        return bool(self.bounce or self.complaint or self.autoreply or self.unsubscribe or self.engagements)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes of a letter lie in the spool."""

    segment: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Letter:
    """One accepted letter: its envelope and where its bytes are."""

    number: int
    return_path: str
    recipients: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Reading:
    """What a recipient's software sees in a letter: identity, signatures, links."""

    message_id: str
    sender_domain: str
    sender: str
    subject: str
    #: ``pass``, ``fail`` or ``none`` (no signature at all) and the reason when it is not a pass.
    dkim: str
    dkim_reason: str
    pixels: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    unsubscribe_page: str = ""
    one_click: str = ""
    unsubscribe_mailto: str = ""
    complaint_address: str = ""
    feedback_id: str = ""
    headers: bytes = b""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail that the simulator sends back: envelope sender (empty for reports), recipient and content with CRLF."""

    sender: str
    recipient: str
    data: bytes


@dataclass(slots=True)
class Tally:
    """Counts of one sender domain; every figure but ``accepted_copies`` counts distinct letters."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, by: int = 1) -> None:
        """Count one more."""
        self.counts[name] = self.counts.get(name, 0) + by
