"""Postmark's webhooks: one event each, no signature, so basic authentication in the hook's address."""

from typing import Any

from posthouse.inbound.providers import proofs
from posthouse.inbound.providers.cards import EventType, HookRequest, Provider, ProviderEvent, RejectReason
from posthouse.inbound.providers.values import as_dict, as_json, hints, seconds, text

_RECORDS = {
    "Delivery": EventType.DELIVERED,
    "Open": EventType.OPENED,
    "Click": EventType.CLICKED,
    "SpamComplaint": EventType.COMPLAINED,
}
# Postmark's list of bounce types.
_BOUNCES: dict[str, tuple[EventType, RejectReason | None]] = {
    "HardBounce": (EventType.BOUNCED, RejectReason.BOUNCED),
    "Transient": (EventType.DEFERRED, None),
    "Unsubscribe": (EventType.UNSUBSCRIBED, RejectReason.UNSUBSCRIBED),
    "Subscribe": (EventType.SUBSCRIBED, None),
    "AutoResponder": (EventType.AUTORESPONDED, None),
    "AddressChange": (EventType.AUTORESPONDED, None),
    "DnsError": (EventType.DEFERRED, None),
    "SpamNotification": (EventType.COMPLAINED, RejectReason.SPAM),
    "OpenRelayTest": (EventType.DEFERRED, None),
    "Unknown": (EventType.UNKNOWN, None),
    "SoftBounce": (EventType.BOUNCED, RejectReason.BOUNCED),
    "VirusNotification": (EventType.BOUNCED, RejectReason.OTHER),
    "ChallengeVerification": (EventType.AUTORESPONDED, None),
    "BadEmailAddress": (EventType.REJECTED, RejectReason.INVALID),
    "SpamComplaint": (EventType.COMPLAINED, RejectReason.SPAM),
    "ManuallyDeactivated": (EventType.REJECTED, RejectReason.BLOCKED),
    "Unconfirmed": (EventType.REJECTED, None),
    "Blocked": (EventType.REJECTED, RejectReason.BLOCKED),
    "SMTPApiError": (EventType.FAILED, None),
    "InboundError": (EventType.UNKNOWN, None),
    "DMARCPolicy": (EventType.REJECTED, RejectReason.BLOCKED),
    "TemplateRenderingFailed": (EventType.FAILED, None),
    "ManualSuppression": (EventType.UNSUBSCRIBED, RejectReason.UNSUBSCRIBED),
}
_TIMES = ("BouncedAt", "DeliveredAt", "ReceivedAt", "ChangedAt")


def _read(request: HookRequest) -> list[ProviderEvent]:
    entry = as_dict(as_json(request.body))
    kind, reason = _kind(entry)
    kind_said = text(entry.get("Type"))
    return [
        ProviderEvent(
            type=kind,
            hints=hints(entry),
            recipient=text(entry.get("Email") or entry.get("Recipient")),
            reason=reason,
            message_id=text(entry.get("MessageID")),
            event_id=text(entry.get("ID")),
            at=next((at for name in _TIMES if (at := seconds(entry.get(name)))), 0),
            permanent={"HardBounce": True, "SoftBounce": False, "Transient": False, "DnsError": False}.get(kind_said),
            text=text(entry.get("Details") or entry.get("Description")),
        )
    ]


def _kind(entry: dict[str, Any]) -> tuple[EventType, RejectReason | None]:
    record = text(entry.get("RecordType"))
    if record == "SubscriptionChange":
        if not entry.get("SuppressSending"):
            return EventType.SUBSCRIBED, None
        return _BOUNCES.get(text(entry.get("SuppressionReason")), _BOUNCES["ManualSuppression"])
    if record in _RECORDS:
        kind = _RECORDS[record]
        return kind, RejectReason.SPAM if kind is EventType.COMPLAINED else None
    return _BOUNCES.get(text(entry.get("Type")), (EventType.UNKNOWN, None))


PROVIDER = Provider("postmark", "Postmark", _read, proofs.basic_auth, "user:password that stand in the webhook's address")
