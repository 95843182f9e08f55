"""Unisender Go's webhooks: one event or a nested batch; proved by an MD5 over the body with the API key in its place."""

import hashlib
from typing import Any

from posthouse.inbound.providers import proofs
from posthouse.inbound.providers.cards import EventType, HookRequest, Provider, ProviderEvent, RejectReason
from posthouse.inbound.providers.values import EVENT_LIMIT, as_dict, as_json, as_list, hints, seconds, text

_TYPES = {
    "sent": EventType.SENT,
    "delivered": EventType.DELIVERED,
    "opened": EventType.OPENED,
    "clicked": EventType.CLICKED,
    "unsubscribed": EventType.UNSUBSCRIBED,
    "subscribed": EventType.SUBSCRIBED,
    "spam": EventType.COMPLAINED,
    "soft_bounced": EventType.BOUNCED,
    "hard_bounced": EventType.BOUNCED,
}
_STATUS = "transactional_email_status"
_REASONS = {
    "err_user_unknown": RejectReason.BOUNCED,
    "err_user_inactive": RejectReason.BOUNCED,
    "err_mailbox_discarded": RejectReason.BOUNCED,
    "err_mailbox_full": RejectReason.BOUNCED,
    "err_too_large": RejectReason.BOUNCED,
    "err_unreachable": RejectReason.BOUNCED,
    "err_skip_letter": RejectReason.BOUNCED,
    "err_domain_inactive": RejectReason.BOUNCED,
    "err_destination_misconfigured": RejectReason.BOUNCED,
    "err_spam_rejected": RejectReason.SPAM,
    "err_spam_skipped": RejectReason.SPAM,
    "err_blacklisted": RejectReason.BLOCKED,
    "err_unsubscribed": RejectReason.UNSUBSCRIBED,
    "err_delivery_failed": RejectReason.OTHER,
    "err_lost": RejectReason.OTHER,
}


def _read(request: HookRequest) -> list[ProviderEvent]:
    body = as_dict(as_json(request.body))
    if "events_by_user" in body:
        groups = as_list(body["events_by_user"])
        events = [one for group in groups for one in as_list(group.get("events"))]
    else:
        events = [body]
    # The other events are about spam blocks of whole domains, not about a message.
    told = [one for one in events[:EVENT_LIMIT] if one.get("event_name", _STATUS) == _STATUS]
    return [_event(as_dict(one.get("event_data")) or one) for one in told]


def _event(entry: dict[str, Any]) -> ProviderEvent:
    said, delivery = text(entry.get("status")), as_dict(entry.get("delivery_info"))
    status = text(delivery.get("delivery_status"))
    kind = _TYPES.get(said, EventType.UNKNOWN)
    if status == "err_will_retry":
        kind = EventType.DEFERRED
    return ProviderEvent(
        type=kind,
        hints=hints(entry),
        recipient=text(entry.get("email")),
        reason=_REASONS.get(status),
        message_id=text(as_dict(entry.get("metadata")).get("anymail_id") or entry.get("job_id")),
        at=seconds(entry.get("event_time")),
        permanent=said == "hard_bounced" if kind is EventType.BOUNCED else None,
        text=text(delivery.get("destination_response")),
    )


def _proves(request: HookRequest, secret: str, _now: int) -> bool:
    given = text(as_dict(as_json(request.body)).get("auth"))
    signed = request.body.replace(given.encode(), secret.encode(), 1) if len(given) == 32 else b""
    return bool(signed) and proofs.same(given, hashlib.md5(signed).hexdigest())  # noqa: S324


PROVIDER = Provider("unisendergo", "Unisender Go", _read, _proves, "The API key")
