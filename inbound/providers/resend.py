"""Resend's webhooks: one event each, signed in Svix's way."""

import base64
import binascii
import hashlib
import hmac

from posthouse.inbound.providers import proofs
from posthouse.inbound.providers.cards import EventType, HookRequest, Provider, ProviderEvent, RejectReason
from posthouse.inbound.providers.values import as_dict, as_json, hints, seconds, text

_TYPES = {
    "email.sent": EventType.SENT,
    "email.delivered": EventType.DELIVERED,
    "email.delivery_delayed": EventType.DEFERRED,
    "email.complained": EventType.COMPLAINED,
    "email.bounced": EventType.BOUNCED,
    "email.suppressed": EventType.REJECTED,
    "email.failed": EventType.FAILED,
    "email.scheduled": EventType.QUEUED,
    "email.opened": EventType.OPENED,
    "email.clicked": EventType.CLICKED,
}
_REASONS = {EventType.BOUNCED: RejectReason.BOUNCED, EventType.REJECTED: RejectReason.BLOCKED}


def _read(request: HookRequest) -> list[ProviderEvent]:
    entry = as_dict(as_json(request.body))
    data = as_dict(entry.get("data"))
    kind = _TYPES.get(text(entry.get("type")), EventType.UNKNOWN)
    bounce = as_dict(data.get("bounce"))
    named = data.get("to")
    event = ProviderEvent(
        type=kind,
        hints=hints(data),
        reason=_REASONS.get(kind),
        message_id=text(data.get("email_id")),
        event_id=request.header("svix-id"),
        at=seconds(entry.get("created_at")),
        permanent=text(bounce.get("type")) == "Permanent" if bounce.get("type") else None,
        text=text(bounce.get("message")),
    )
    return [_for(event, one) for one in (named if isinstance(named, list) else [named])[:100]]


def _for(event: ProviderEvent, recipient: object) -> ProviderEvent:
    return ProviderEvent(**{name: getattr(event, name) for name in event.__slots__} | {"recipient": text(recipient)})


def _proves(request: HookRequest, secret: str, now: int) -> bool:
    stamp = request.header("svix-timestamp")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"))
    except (ValueError, binascii.Error):
        return False
    signed = f"{request.header('svix-id')}.{stamp}.".encode() + request.body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = [part.partition(",") for part in request.header("svix-signature").split(" ")[:10]]
    return proofs.is_fresh(seconds(stamp), now) and any(version == "v1" and proofs.same(value, wanted) for version, _, value in given)


PROVIDER = Provider("resend", "Resend", _read, _proves, "The signing secret, beginning with whsec_")
