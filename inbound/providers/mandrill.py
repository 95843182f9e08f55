"""Mandrill's webhooks: a form with a JSON list; signed by HMAC-SHA1 over address and fields."""

import base64
import hashlib
import hmac
from typing import Any

from posthouse.inbound.providers import proofs
from posthouse.inbound.providers.cards import EventType, HookRequest, Provider, ProviderEvent, RejectReason
from posthouse.inbound.providers.values import as_dict, as_json, as_list, first, form, hints, seconds, text

_TYPES = {
    "send": EventType.SENT,
    "delivered": EventType.DELIVERED,
    "deferral": EventType.DEFERRED,
    "hard_bounce": EventType.BOUNCED,
    "soft_bounce": EventType.BOUNCED,
    "open": EventType.OPENED,
    "click": EventType.CLICKED,
    "spam": EventType.COMPLAINED,
    "unsub": EventType.UNSUBSCRIBED,
    "reject": EventType.REJECTED,
}
_REASONS = {
    "hard-bounce": RejectReason.BOUNCED,
    "soft-bounce": RejectReason.BOUNCED,
    "spam": RejectReason.SPAM,
    "unsub": RejectReason.UNSUBSCRIBED,
    "custom": RejectReason.BLOCKED,
    "rule": RejectReason.BLOCKED,
    "invalid": RejectReason.INVALID,
}


def _read(request: HookRequest) -> list[ProviderEvent]:
    return [_event(entry) for entry in as_list(as_json(first(form(request), "mandrill_events").encode() or b"[]"))]


def _event(entry: dict[str, Any]) -> ProviderEvent:
    # A change of Mandrill's own lists has no message, only the address that was entered.
    message, listed = as_dict(entry.get("msg")), as_dict(entry.get("reject")) or as_dict(entry.get("entry"))
    said = text(entry.get("event"))
    kind = _TYPES.get(said, EventType.UNKNOWN)
    return ProviderEvent(
        type=kind,
        hints=hints(entry),
        recipient=text(message.get("email") or listed.get("email")),
        reason=_REASONS.get(text(listed.get("reason"))) if listed else RejectReason.BOUNCED if kind is EventType.BOUNCED else None,
        message_id=text(message.get("_id") or entry.get("_id")),
        at=seconds(entry.get("ts")),
        permanent=said == "hard_bounce" if kind is EventType.BOUNCED else None,
        text=text(message.get("diag") or message.get("bounce_description")),
    )


def _proves(request: HookRequest, secret: str, _now: int) -> bool:
    signed = request.url + "".join(f"{name}{value}" for name, value in sorted(form(request)))
    wanted = hmac.new(secret.encode(), signed.encode(), hashlib.sha1).digest()
    return proofs.same(request.header("x-mandrill-signature"), base64.b64encode(wanted).decode())


PROVIDER = Provider("mandrill", "Mandrill", _read, _proves, "The webhook's key")
