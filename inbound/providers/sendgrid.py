"""SendGrid's Event Webhook: a list of events, signed by ECDSA over time stamp and body."""

from typing import Any

from posthouse.inbound.providers import proofs
from posthouse.inbound.providers.cards import EventType, HookRequest, Provider, ProviderEvent, RejectReason
from posthouse.inbound.providers.values import as_json, as_list, hints, seconds, text

_TYPES = {
    "processed": EventType.QUEUED,
    "deferred": EventType.DEFERRED,
    "delivered": EventType.DELIVERED,
    "bounce": EventType.BOUNCED,
    "dropped": EventType.REJECTED,
    "open": EventType.OPENED,
    "click": EventType.CLICKED,
    "spamreport": EventType.COMPLAINED,
    "unsubscribe": EventType.UNSUBSCRIBED,
    "group_unsubscribe": EventType.UNSUBSCRIBED,
    "group_resubscribe": EventType.SUBSCRIBED,
}
# The reasons that SendGrid's documentation lists for `dropped`.
_REASONS = {
    "invalid": RejectReason.INVALID,
    "unsubscribed address": RejectReason.UNSUBSCRIBED,
    "bounced address": RejectReason.BOUNCED,
    "spam reporting address": RejectReason.SPAM,
    "spam content (if spam checker app enabled)": RejectReason.BLOCKED,
    "recipient list over package quota": RejectReason.BLOCKED,
    "expired": RejectReason.TIMED_OUT,
}


def _read(request: HookRequest) -> list[ProviderEvent]:
    return [_event(entry) for entry in as_list(as_json(request.body))]


def _event(entry: dict[str, Any]) -> ProviderEvent:
    kind = _TYPES.get(text(entry.get("event")), EventType.UNKNOWN)
    reason = _REASONS.get(text(entry.get("reason")).lower(), RejectReason.OTHER) if kind is EventType.REJECTED else None
    # "blocked" is a refusal of this message, "bounce" one of the address.
    permanent = text(entry.get("type")) != "blocked" if kind is EventType.BOUNCED else None
    return ProviderEvent(
        type=kind,
        hints=hints(entry),
        recipient=text(entry.get("email")),
        reason=reason,
        message_id=text(entry.get("smtp-id")),
        event_id=text(entry.get("sg_event_id")),
        at=seconds(entry.get("timestamp")),
        permanent=permanent,
        text=text(entry.get("reason") or entry.get("response")),
    )


def _proves(request: HookRequest, secret: str, now: int) -> bool:
    stamp = request.header("x-twilio-email-event-webhook-timestamp")
    signature = request.header("x-twilio-email-event-webhook-signature")
    return proofs.is_fresh(seconds(stamp), now) and proofs.ecdsa_holds(secret, signature, stamp.encode() + request.body)


PROVIDER = Provider("sendgrid", "SendGrid", _read, _proves, "The verification key of the Event Webhook")
