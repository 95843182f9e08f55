"""Mailgun's webhooks, the present ones in JSON and the older ones as forms; signed by HMAC over time stamp and token."""

from typing import Any

from posthouse.inbound.providers import proofs
from posthouse.inbound.providers.cards import EventType, HookRequest, Provider, ProviderEvent, RejectReason
from posthouse.inbound.providers.values import as_dict, as_json, first, form, hints, seconds, text

_TYPES = {
    "accepted": EventType.QUEUED,
    "rejected": EventType.REJECTED,
    "delivered": EventType.DELIVERED,
    "failed": EventType.BOUNCED,
    "opened": EventType.OPENED,
    "clicked": EventType.CLICKED,
    "unsubscribed": EventType.UNSUBSCRIBED,
    "complained": EventType.COMPLAINED,
    "bounced": EventType.BOUNCED,  # from here on the older hooks
    "dropped": EventType.REJECTED,
}
_REASONS = {
    "bounce": RejectReason.BOUNCED,
    "suppress-bounce": RejectReason.BOUNCED,
    "suppress-complaint": RejectReason.SPAM,
    "suppress-unsubscribe": RejectReason.UNSUBSCRIBED,
    "old": RejectReason.TIMED_OUT,
    "espblock": RejectReason.BLOCKED,
}
# Mailgun's own codes beyond SMTP's: its suppression lists, and a server that could not be reached.
_CODES = {"499": RejectReason.TIMED_OUT, "605": RejectReason.BOUNCED, "606": RejectReason.UNSUBSCRIBED, "607": RejectReason.SPAM}


def _read(request: HookRequest) -> list[ProviderEvent]:
    if "json" in request.content_type.lower() or request.body.lstrip()[:1] == b"{":
        return [_event(as_dict(as_json(request.body)))]
    return [_older(form(request))]


def _event(body: dict[str, Any]) -> ProviderEvent:
    entry, signature = as_dict(body.get("event-data")), as_dict(body.get("signature"))
    status, headers = as_dict(entry.get("delivery-status")), as_dict(as_dict(entry.get("message")).get("headers"))
    kind = _TYPES.get(text(entry.get("event")), EventType.UNKNOWN)
    reason = None
    if kind in (EventType.BOUNCED, EventType.REJECTED):
        reason = _REASONS.get(text(entry.get("reason")), RejectReason.OTHER)
    if kind is EventType.BOUNCED and entry.get("severity") == "temporary":
        kind = EventType.DEFERRED
    return ProviderEvent(
        type=kind,
        hints=hints(entry),
        recipient=text(entry.get("recipient")),
        reason=reason,
        message_id=text(headers.get("message-id")),
        event_id=text(signature.get("token")) or text(entry.get("id")),
        at=seconds(entry.get("timestamp")),
        permanent=entry.get("severity") == "permanent" if reason else None,
        text=f"{text(status.get('code'))} {text(status.get('message') or status.get('description'))}".strip(),
    )


def _older(fields: list[tuple[str, str]]) -> ProviderEvent:
    kind = _TYPES.get(first(fields, "event"), EventType.UNKNOWN)
    code = first(fields, "code")
    reason = None
    if kind in (EventType.BOUNCED, EventType.REJECTED):
        refused = code[:1] in ("4", "5") and code.replace(".", "").isdigit()
        reason = _CODES.get(code) or (RejectReason.BOUNCED if refused else RejectReason.OTHER)
    return ProviderEvent(
        type=kind,
        hints=hints(fields),
        recipient=first(fields, "recipient"),
        reason=reason,
        message_id=first(fields, "Message-Id") or first(fields, "message-id"),
        event_id=first(fields[::-1], "token"),
        at=seconds(first(fields[::-1], "timestamp")),
        permanent=True if reason else None,
        text=f"{code} {first(fields, 'error') or first(fields, 'description')}".strip(),
    )


def _proves(request: HookRequest, secret: str, now: int) -> bool:
    if "json" in request.content_type.lower():
        signed = as_dict(as_dict(as_json(request.body)).get("signature"))
        stamp, token, signature = (text(signed.get(name)) for name in ("timestamp", "token", "signature"))
    else:
        fields = form(request)[::-1]
        stamp, token, signature = (first(fields, name) for name in ("timestamp", "token", "signature"))
    return proofs.is_fresh(seconds(stamp), now) and proofs.same(signature, proofs.hmac_hex(secret, f"{stamp}{token}".encode()))


PROVIDER = Provider("mailgun", "Mailgun", _read, _proves, "The HTTP webhook signing key")
