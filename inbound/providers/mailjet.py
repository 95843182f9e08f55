"""Mailjet's event API: one event or a batch; no signature, so basic authentication in the hook's address."""

from typing import Any

from posthouse.inbound.providers import proofs
from posthouse.inbound.providers.cards import EventType, HookRequest, Provider, ProviderEvent, RejectReason
from posthouse.inbound.providers.values import as_json, as_list, hints, seconds, text

_TYPES = {
    "sent": EventType.DELIVERED,
    "open": EventType.OPENED,
    "click": EventType.CLICKED,
    "bounce": EventType.BOUNCED,
    "blocked": EventType.REJECTED,
    "spam": EventType.COMPLAINED,
    "unsub": EventType.UNSUBSCRIBED,
}
# Mailjet's table of errors.
_REASONS = {
    "user unknown": RejectReason.BOUNCED,
    "mailbox inactive": RejectReason.BOUNCED,
    "quota exceeded": RejectReason.BOUNCED,
    "blacklisted": RejectReason.BLOCKED,
    "spam reporter": RejectReason.SPAM,
    "invalid domain": RejectReason.BOUNCED,
    "no mail host": RejectReason.BOUNCED,
    "relay/access denied": RejectReason.BOUNCED,
    "greylisted": RejectReason.OTHER,
    "typofix": RejectReason.INVALID,
    "sender blocked": RejectReason.BLOCKED,
    "content blocked": RejectReason.BLOCKED,
    "policy issue": RejectReason.BLOCKED,
    "preblocked": RejectReason.BLOCKED,
}


def _read(request: HookRequest) -> list[ProviderEvent]:
    return [_event(entry) for entry in as_list(as_json(request.body))]


def _event(entry: dict[str, Any]) -> ProviderEvent:
    kind = _TYPES.get(text(entry.get("event")), EventType.UNKNOWN)
    error = text(entry.get("error"))
    reason = _REASONS.get(error, RejectReason.OTHER) if error else None
    if kind is EventType.COMPLAINED:
        reason = RejectReason.SPAM
    if kind is EventType.BOUNCED and error == "greylisted":
        kind = EventType.DEFERRED
    return ProviderEvent(
        type=kind,
        hints=hints(entry),
        recipient=text(entry.get("email")),
        reason=reason,
        message_id=text(entry.get("MessageID")),
        at=seconds(entry.get("time")),
        permanent=entry["hard_bounce"] is True if "hard_bounce" in entry else None,
        text=text(entry.get("smtp_reply") or entry.get("comment") or error),
    )


PROVIDER = Provider("mailjet", "Mailjet", _read, proofs.basic_auth, "user:password that stand in the event's address")
