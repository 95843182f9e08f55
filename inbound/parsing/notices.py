"""Read the notices that Amazon SES sends by mail: JSON in the body (bounce, complaint, delivery)."""

import json
import re
from collections.abc import Mapping
from typing import Any

from posthouse.inbound.parsing.cards import Feedback, Outcome
from posthouse.inbound.parsing.dsn import action_of, status_of
from posthouse.inbound.parsing.letter import Letter
from posthouse.sending.replies.rules import classify

_STARTS = re.compile(r'^\s*\{\s*"(?:notificationType|eventType)"\s*:', re.IGNORECASE)
_LIMIT = 256 * 1024


def read_notice(letter: Letter) -> Mapping[str, Any] | None:
    """The notice in a mail's body, or None. Mailers wrap the one long line, so line ends inside it are taken out."""
    if not _STARTS.match(letter.text[:200]):
        return None
    text = re.sub(r"\n ?", "", letter.text[:_LIMIT])
    try:
        notice, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return None
    return notice if isinstance(notice, dict) else None


def complaint_of(notice: Mapping[str, Any]) -> Feedback | None:
    """The complaint that a notice tells of, or None."""
    told = notice.get("complaint")
    if not isinstance(told, dict):
        return None
    kind = str(told.get("complaintFeedbackType") or "abuse")
    return Feedback(
        kind=kind, recipients=tuple(_addresses(told.get("complainedRecipients"))), reporter=str(told.get("userAgent") or "") or None
    )


def outcomes_of(notice: Mapping[str, Any]) -> list[Outcome]:
    """The outcomes of a notice about a bounce or a delivery; empty for any other."""
    told = notice.get("bounce")
    if isinstance(told, dict):
        return [_bounced(told, one) for one in _list(told.get("bouncedRecipients")) if isinstance(one, dict)]
    taken = notice.get("delivery")
    if not isinstance(taken, dict):
        return []
    return [
        Outcome(
            str(address),
            "delivered",
            None,
            2,
            "delivered",
            hard=False,
            suppress=False,
            text=str(taken.get("smtpResponse", ""))[:500],
            rule="ses-delivery",
        )
        for address in _list(taken.get("recipients"))[:1_000]
    ]


def _bounced(told: Mapping[str, Any], one: Mapping[str, Any]) -> Outcome:
    words = re.sub(r"^\s*smtp;\s*", "", str(one.get("diagnosticCode") or ""))
    status = status_of(str(one.get("status") or "")) or None
    listed = "suppress" in str(told.get("bounceSubType") or "").lower()
    found = classify(0, status, "address is on the suppression list" if listed else words)
    action = action_of(str(one.get("action") or "")) or "failed"
    return Outcome(
        recipient=str(one.get("emailAddress") or "") or None,
        action=action,
        status=found.status,
        class_=found.class_ or 5,
        reason=found.reason,
        hard=found.hard,
        suppress=found.suppress and action == "failed",
        text=words[:500],
        rule=found.rule,
    )


def _addresses(told: object) -> list[str]:
    return [str(one["emailAddress"]) for one in _list(told)[:1_000] if isinstance(one, dict) and one.get("emailAddress")]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
