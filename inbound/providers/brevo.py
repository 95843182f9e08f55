"""Brevo's transactional webhooks: one event each, or a batch; no signature, so basic authentication."""

from typing import Any

from posthouse.inbound.providers import proofs
from posthouse.inbound.providers.cards import EventType, HookRequest, Provider, ProviderEvent, RejectReason
from posthouse.inbound.providers.values import as_json, as_list, hints, seconds, text

_EVENTS: dict[str, tuple[EventType, RejectReason | None]] = {
    "request": (EventType.QUEUED, None),
    "delivered": (EventType.DELIVERED, None),
    "hard_bounce": (EventType.BOUNCED, RejectReason.BOUNCED),
    "soft_bounce": (EventType.BOUNCED, RejectReason.BOUNCED),
    "blocked": (EventType.REJECTED, RejectReason.BLOCKED),
    "spam": (EventType.COMPLAINED, RejectReason.SPAM),
    "complaint": (EventType.COMPLAINED, RejectReason.SPAM),
    "invalid_email": (EventType.BOUNCED, RejectReason.INVALID),
    "deferred": (EventType.DEFERRED, None),
    "error": (EventType.FAILED, None),
    "opened": (EventType.OPENED, None),
    "unique_opened": (EventType.OPENED, None),
    "proxy_open": (EventType.OPENED, None),
    "unique_proxy_open": (EventType.OPENED, None),
    "click": (EventType.CLICKED, None),
    "unsubscribe": (EventType.UNSUBSCRIBED, None),
    "unsubscribed": (EventType.UNSUBSCRIBED, None),
    "list_addition": (EventType.SUBSCRIBED, None),
}
_PERMANENT = {"hard_bounce": True, "invalid_email": True, "soft_bounce": False}


def _read(request: HookRequest) -> list[ProviderEvent]:
    return [_event(entry) for entry in as_list(as_json(request.body))]


def _event(entry: dict[str, Any]) -> ProviderEvent:
    said = text(entry.get("event"))
    kind, reason = _EVENTS.get(said, (EventType.UNKNOWN, None))
    return ProviderEvent(
        type=kind,
        hints=hints(entry),
        recipient=text(entry.get("email")),
        reason=reason,
        message_id=text(entry.get("message-id")),
        at=seconds(entry.get("ts_epoch") or entry.get("ts_event") or entry.get("ts")),
        permanent=_PERMANENT.get(said),
        text=text(entry.get("reason")),
    )


PROVIDER = Provider("brevo", "Brevo", _read, proofs.basic_auth, "user:password that stand in the webhook's address")
