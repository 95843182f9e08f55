"""Postal's webhooks: one event each, signed by RSA over the body."""

from cryptography.hazmat.primitives import hashes

from posthouse.inbound.providers import proofs
from posthouse.inbound.providers.cards import EventType, HookRequest, Provider, ProviderEvent, RejectReason
from posthouse.inbound.providers.values import as_dict, as_json, hints, seconds, text

_TYPES = {
    "MessageSent": EventType.DELIVERED,
    "MessageDelayed": EventType.DEFERRED,
    "MessageDeliveryFailed": EventType.FAILED,
    "MessageHeld": EventType.QUEUED,
    "MessageBounced": EventType.BOUNCED,
    "MessageLinkClicked": EventType.CLICKED,
    "MessageLoaded": EventType.OPENED,
}


def _read(request: HookRequest) -> list[ProviderEvent]:
    entry = as_dict(as_json(request.body))
    payload = as_dict(entry.get("payload"))
    message = as_dict(payload.get("original_message")) or as_dict(payload.get("message"))
    kind = _TYPES.get(text(entry.get("event")), EventType.UNKNOWN)
    return [
        ProviderEvent(
            type=kind,
            hints=hints(payload),
            recipient=text(message.get("to")),
            reason=RejectReason.BOUNCED if kind is EventType.BOUNCED else None,
            message_id=text(message.get("id")),
            event_id=text(entry.get("uuid")),
            at=seconds(entry.get("timestamp")),
            permanent=text(payload.get("status")) == "HardFail" if kind is EventType.FAILED else None,
            text=text(payload.get("output") or payload.get("details")),
        )
    ]


def _proves(request: HookRequest, secret: str, _now: int) -> bool:
    newer = request.header("x-postal-signature-256")
    if newer:
        return proofs.rsa_holds(secret, newer, request.body, hashes.SHA256())
    return proofs.rsa_holds(secret, request.header("x-postal-signature"), request.body, hashes.SHA1())  # noqa: S303


PROVIDER = Provider("postal", "Postal", _read, _proves, "The public key of the server's signing key")
