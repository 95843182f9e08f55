"""Amazon SES's events over SNS: a signed envelope with the event as text inside."""

import re
from typing import Any
from urllib.parse import urlsplit

from posthouse.inbound.providers import proofs
from posthouse.inbound.providers.cards import EventType, HookRequest, Provider, ProviderEvent, RejectReason
from posthouse.inbound.providers.values import Unreadable, as_dict, as_json, hints, seconds, text

_DIGESTS = {"1": "sha1", "2": "sha256"}
_SNS_HOST = re.compile(r"sns\.[a-z0-9-]{3,30}\.amazonaws\.com(?:\.cn)?")
# The fields that SNS signs, in this order (AWS: verifying the signatures of Amazon SNS messages).
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_TYPES: dict[str, tuple[EventType, RejectReason | None]] = {
    "Bounce": (EventType.BOUNCED, RejectReason.BOUNCED),
    "Complaint": (EventType.COMPLAINED, RejectReason.SPAM),
    "Delivery": (EventType.DELIVERED, None),
    "Send": (EventType.SENT, None),
    "Reject": (EventType.REJECTED, RejectReason.BLOCKED),
    "Open": (EventType.OPENED, None),
    "Click": (EventType.CLICKED, None),
    "Rendering Failure": (EventType.FAILED, None),
    "DeliveryDelay": (EventType.DEFERRED, None),
    "Subscription": (EventType.UNSUBSCRIBED, None),
}
_LISTS = {"Bounce": "bouncedRecipients", "Complaint": "complainedRecipients", "DeliveryDelay": "delayedRecipients"}


def is_sns_address(url: str) -> bool:
    """Is this an address of SNS itself? Certificates and confirmations are fetched from no other."""
    parts = urlsplit(url)
    return parts.scheme == "https" and bool(_SNS_HOST.fullmatch(parts.netloc)) and "@" not in parts.netloc


def signed_text(envelope: dict[str, Any]) -> bytes:
    """What SNS signed of an envelope; empty for an unknown type."""
    names = _SIGNED.get(text(envelope.get("Type")), ())
    return "".join(f"{name}\n{envelope[name]}\n" for name in names if isinstance(envelope.get(name), str)).encode()


def is_signed(envelope: dict[str, Any], certificate: bytes) -> bool:
    """Does the envelope's signature hold under a certificate (PEM)? Version 1 is what SNS signs with unless told otherwise."""
    digest, signed = _DIGESTS.get(text(envelope.get("SignatureVersion"))), signed_text(envelope)
    return bool(digest and signed) and proofs.certificate_holds(certificate, text(envelope.get("Signature")), signed, digest)


def _read(request: HookRequest) -> list[ProviderEvent]:
    envelope = as_dict(as_json(request.body))
    if envelope.get("Type") != "Notification":
        return []
    try:
        event = as_dict(as_json(str(envelope.get("Message", "")).encode()))
    except Unreadable:
        return []  # SNS greets a new topic with a line of plain text
    return _events(event, text(envelope.get("MessageId")), seconds(envelope.get("Timestamp")))


def _events(event: dict[str, Any], event_id: str, at: int) -> list[ProviderEvent]:
    said = text(event.get("eventType") or event.get("notificationType"))
    kind, reason = _TYPES.get(said, (EventType.UNKNOWN, None))
    mail, detail = as_dict(event.get("mail")), as_dict(event.get(said[:1].lower() + said[1:]))
    return [
        ProviderEvent(
            type=kind,
            hints=hints({"mail": mail, said: detail}),
            recipient=recipient,
            reason=reason,
            message_id=text(mail.get("messageId")),
            event_id=event_id,
            at=at,
            # "OnAccountSuppressionList" is Amazon's memory of an old bounce, not a new one.
            permanent=_permanent(detail) if kind is EventType.BOUNCED else None,
            text=answer,
        )
        for recipient, answer in _recipients(said, mail, detail)
    ]


def _permanent(bounce: dict[str, Any]) -> bool:
    return bounce.get("bounceType") == "Permanent" and bounce.get("bounceSubType") not in ("Suppressed", "OnAccountSuppressionList")


def _recipients(said: str, mail: dict[str, Any], detail: dict[str, Any]) -> list[tuple[str, str]]:
    listed = detail.get(_LISTS.get(said, ""))
    if isinstance(listed, list):
        named = [as_dict(one) for one in listed[:1_000]]
        return [(text(one.get("emailAddress")), text(one.get("diagnosticCode"))) for one in named]
    named_here = detail.get("recipients") if said == "Delivery" else mail.get("destination")
    answer = text(detail.get("smtpResponse") or detail.get("reason"))
    return [(text(one), answer) for one in named_here[:1_000]] if isinstance(named_here, list) else [("", answer)]


def _proves(_request: HookRequest, _secret: str, _now: int) -> bool:
    # Its certificate has to be fetched, so the hook proves it with `signed_text` and `is_sns_address`.
    return False


PROVIDER = Provider("amazonses", "Amazon SES", _read, _proves, "The topic's ARN")
