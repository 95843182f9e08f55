"""MailerSend's webhooks: one activity each, signed by HMAC-SHA256 over the body."""

from posthouse.inbound.providers import proofs
from posthouse.inbound.providers.cards import EventType, HookRequest, Provider, ProviderEvent, RejectReason
from posthouse.inbound.providers.values import as_dict, as_json, hints, seconds, text

_TYPES = {
    "sent": EventType.SENT,
    "delivered": EventType.DELIVERED,
    "deferred": EventType.DEFERRED,
    "soft_bounced": EventType.BOUNCED,
    "hard_bounced": EventType.BOUNCED,
    "opened": EventType.OPENED,
    "opened_unique": EventType.OPENED,
    "clicked": EventType.CLICKED,
    "clicked_unique": EventType.CLICKED,
    "unsubscribed": EventType.UNSUBSCRIBED,
    "spam_complaint": EventType.COMPLAINED,
}
_REASONS = {
    "recipient_bounce": RejectReason.BOUNCED,
    "spam_complaint": RejectReason.SPAM,
    "recipient_unsubscribe": RejectReason.UNSUBSCRIBED,
}
_PERMANENT = {"hard_bounced": True, "soft_bounced": False}


def _read(request: HookRequest) -> list[ProviderEvent]:
    entry = as_dict(as_json(request.body))
    data = as_dict(entry.get("data"))
    email, morph = as_dict(data.get("email")), as_dict(data.get("morph"))
    said = text(data.get("type") or text(entry.get("type")).removeprefix("activity."))
    kind = _TYPES.get(said, EventType.UNKNOWN)
    reason = _REASONS.get(text(morph.get("object"))) or (RejectReason.BOUNCED if kind is EventType.BOUNCED else None)
    return [
        ProviderEvent(
            type=kind,
            hints=hints(data),
            recipient=text(as_dict(email.get("recipient")).get("email")),
            reason=reason,
            message_id=text(as_dict(email.get("message")).get("id")),
            event_id=text(data.get("id")),
            at=seconds(data.get("created_at")),
            permanent=_PERMANENT.get(said),
            text=text(morph.get("readable_reason") or morph.get("reason")),
        )
    ]


def _proves(request: HookRequest, secret: str, _now: int) -> bool:
    return proofs.same(request.header("signature"), proofs.hmac_hex(secret, request.body))


PROVIDER = Provider("mailersend", "MailerSend", _read, _proves, "The webhook's signing secret")
