"""What is known about a mail after reading it."""

from dataclasses import dataclass, field
from enum import StrEnum

from posthouse.inbound.parsing.report_cards import DmarcReport, TlsReport


class Kind(StrEnum):
    """What a mail that came in is."""

    BOUNCE = "bounce"
    COMPLAINT = "fbl"
    RECEIPT = "mdn"
    AUTO_REPLY = "autoreply"
    UNSUBSCRIBE = "unsubscribe"
    DMARC_REPORT = "dmarc"
    TLS_REPORT = "tlsrpt"
    REPLY = "reply"
    UNKNOWN = "other"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a bounce says of one recipient.

    `recipient` is as the report writes it, or None where it names nobody. `action` is a word of RFC 3464 2.3.3. `status` is
    the enhanced code or None; `class_` is 2, 4 or 5, or 0 when nothing tells. `text` is the passage that decided, `rule`
    the rule.
    """

    recipient: str | None
    action: str
    status: str | None
    class_: int
    reason: str
    hard: bool
    suppress: bool
    text: str
    rule: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a complaint says (RFC 5965). `kind` is its Feedback-Type, `other` when unknown to us; `domains` those in whose name the mail was written."""

    kind: str
    recipients: tuple[str, ...] = ()
    source_ip: str | None = None
    reporter: str | None = None
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ids:
    """What in the mail may name one of our messages, best first; nothing of it is believed before its token is checked."""

    tokens: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Understood:
    """A mail, understood."""

    kind: Kind
    rule: str
    subject: str = ""
    sender: str = ""
    outcomes: tuple[Outcome, ...] = ()
    feedback: Feedback | None = None
    report: DmarcReport | TlsReport | None = None
    ids: Ids = field(default_factory=Ids)
    automatic: bool = False
    trouble: str | None = None
