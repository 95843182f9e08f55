"""Decide to whom a mail belongs and which of its statements counts: pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from posthouse.inbound.parsing.cards import Outcome, Understood
from posthouse.sending.tokens import TokenClaims

LATE_BOUNCE = timedelta(days=14)
"""After that long a bounce suppresses nobody: queues give up within 5 days (RFC 5321 4.5.4.1), so it is late, replayed or forged."""


class Why(StrEnum):
    """Why a mail waits for a person."""

    NO_TOKEN = "no-token"  # noqa: S105 - no secret
    FORGED = "forged"
    UNKNOWN_TENANT = "unknown-tenant"
    NO_DOMAIN = "no-domain"
    FAILED = "failed"
    NOT_UNDERSTOOD = "not-understood"


class Effect(StrEnum):
    """What a mail changed."""

    BOUNCED = "bounced"
    COMPLAINED = "complained"
    TAKEN_BACK = "taken-back"
    UNSUBSCRIBED = "unsubscribed"
    ANSWERED = "answered"
    REPORTED = "reported"
    NONE = "none"
    REPEATED = "repeated"
    LATE = "late"
    NO_SUCH_MESSAGE = "no-such-message"


NOTHING_NEW = (Effect.REPEATED, Effect.LATE, Effect.NO_SUCH_MESSAGE)
"""What replayed, expired or foreign tokens end in: it is counted for the operator."""


@dataclass(frozen=True, slots=True)
class Address:
    """Which of our addresses a mail came to; `role` is bounce, complaint, unsubscribe, reply or empty."""

    role: str
    claims: TokenClaims


def choose_claims(addressed: Sequence[Address], candidates: Sequence[str], read: Callable[[str], TokenClaims | None]) -> TokenClaims | Why:
    """Say whose message a mail is about: the address that it came to first, then the original's ids; never a plain address."""
    if addressed:
        return addressed[0].claims
    genuine = next((claims for text in candidates if (claims := read(text)) is not None), None)
    return genuine or (Why.FORGED if candidates else Why.NO_TOKEN)


def choose_outcome(outcomes: Sequence[Outcome], address: str | None) -> Outcome | None:
    """Of a report's recipients, the one that our message went to; the token decides the message, so a foreign name changes nothing.

    `address` is where the message went, None when unknown. Without a match the gravest outcome stands: an alias expands to others.
    """
    if not outcomes:
        return None
    same = [one for one in outcomes if address and (one.recipient or "").lower() == address.lower()]
    order = ("failed", "delayed", "expanded", "relayed", "delivered", "")
    return min(same or outcomes, key=lambda one: order.index(one.action) if one.action in order else len(order))


def is_failure_report(understood: Understood) -> bool:
    """Does a receiver report one mail that failed authentication (RFC 6591)? It concerns who holds the domain; the mail may be a forger's."""
    return understood.feedback is not None and understood.feedback.kind == "auth-failure"


def is_late(sent_at: datetime | None, now: datetime) -> bool:
    """Is it too long ago for a bounce to count? None, when nothing is known of the sending, is not late."""
    return sent_at is not None and now - sent_at > LATE_BOUNCE


def facts_of(understood: Understood) -> dict[str, object]:
    """What is kept of the understanding beside the raw mail: JSON, bounded."""
    feedback = understood.feedback
    return {
        "automatic": understood.automatic,
        "outcomes": [
            {
                "recipient": None if one.recipient is None else _plain(one.recipient),
                "action": one.action,
                "status": None if one.status is None else _plain(one.status),
                "class": one.class_,
                "reason": one.reason,
                "hard": one.hard,
                "suppress": one.suppress,
                "text": _plain(one.text),
                "rule": one.rule,
            }
            for one in understood.outcomes[:20]
        ],
        "feedback": None
        if feedback is None
        else {
            "kind": _plain(feedback.kind),
            "source_ip": None if feedback.source_ip is None else clean(feedback.source_ip, 64),
            "reporter": _plain(feedback.reporter or ""),
        },
    }


def _plain(text: str) -> str:
    return clean(text, 500)


def clean(text: str, length: int) -> str:
    """A stranger's text fit for a database column: no NUL, no lone surrogates, no control characters, cut to `length`."""
    kept = "".join(letter if letter >= " " else " " for letter in text[:length] if letter not in "\x00\x7f")
    return kept.encode("utf-8", "replace").decode("utf-8")
