"""Mailtrap's webhooks: batches of events, signed by HMAC-SHA256 over the body."""

from typing import Any

from posthouse.inbound.providers import proofs
from posthouse.inbound.providers.cards import EventType, HookRequest, Provider, ProviderEvent, RejectReason
from posthouse.inbound.providers.values import as_dict, as_json, as_list, hints, seconds, text

_EVENTS: dict[str, tuple[EventType, RejectReason | None]] = {
    "delivery": (EventType.DELIVERED, None),
    "open": (EventType.OPENED, None),
    "click": (EventType.CLICKED, None),
    "bounce": (EventType.BOUNCED, RejectReason.BOUNCED),
    "soft bounce": (EventType.DEFERRED, RejectReason.OTHER),
    "suspension": (EventType.DEFERRED, RejectReason.OTHER),
    "reject": (EventType.REJECTED, RejectReason.BLOCKED),
    "spam": (EventType.COMPLAINED, RejectReason.SPAM),
    "unsubscribe": (EventType.UNSUBSCRIBED, RejectReason.UNSUBSCRIBED),
}


def _read(request: HookRequest) -> list[ProviderEvent]:
    return [_event(entry) for entry in as_list(as_dict(as_json(request.body)).get("events"))]


def _event(entry: dict[str, Any]) -> ProviderEvent:
    kind, reason = _EVENTS.get(text(entry.get("event")).replace("_", " "), (EventType.UNKNOWN, None))
    return ProviderEvent(
        type=kind,
        hints=hints(entry),
        recipient=text(entry.get("email")),
        reason=reason,
        message_id=text(entry.get("message_id")),
        event_id=text(entry.get("event_id")),
        at=seconds(entry.get("timestamp")),
        permanent=True if kind is EventType.BOUNCED else None,
        text=text(entry.get("response") or entry.get("reason")),
    )


def _proves(request: HookRequest, secret: str, _now: int) -> bool:
    return proofs.same(request.header("mailtrap-signature"), proofs.hmac_hex(secret, request.body))


PROVIDER = Provider("mailtrap", "Mailtrap", _read, _proves, "The webhook's signature key")
