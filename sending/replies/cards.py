"""What a classification is made of."""

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What became of the message at the other side, in the words of RFC 3464 2.3.3."""

    DELIVERED = "delivered"
    DELAYED = "delayed"
    FAILED = "failed"


class Stage(StrEnum):
    """Which of our commands was answered; UNKNOWN when a report does not say."""

    CONNECT = "connect"
    HELO = "helo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """One word of the vocabulary, with what it says about the address."""

    name: str
    hard: bool
    suppress: bool
    says: str


@dataclass(frozen=True, slots=True)
class Classification:
    """What an answer means.

    `status` is the enhanced code (RFC 3463) or None when none was given. `class_` is 2, 4 or 5, or 0 when nothing tells.
    `hard`: the address does not exist. `suppress`: final, and the address must not be written to again (so a 4xx never
    suppresses). `rule` names the rule that decided; it is stable and may be shown and counted.
    """

    action: Action
    status: str | None
    class_: int
    reason: str
    hard: bool
    suppress: bool
    rule: str
