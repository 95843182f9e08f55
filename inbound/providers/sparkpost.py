"""SparkPost's event webhooks: batches of `msys` objects; no signature, so basic authentication."""

from typing import Any

from posthouse.inbound.providers import proofs
from posthouse.inbound.providers.cards import EventType, HookRequest, Provider, ProviderEvent, RejectReason
from posthouse.inbound.providers.values import as_dict, as_json, as_list, hints, seconds, text

_TYPES = {
    "injection": EventType.QUEUED,
    "delivery": EventType.DELIVERED,
    "delay": EventType.DEFERRED,
    "bounce": EventType.BOUNCED,
    "out_of_band": EventType.BOUNCED,
    "policy_rejection": EventType.REJECTED,
    "generation_failure": EventType.FAILED,
    "generation_rejection": EventType.REJECTED,
    "spam_complaint": EventType.COMPLAINED,
    "open": EventType.OPENED,
    "initial_open": EventType.OPENED,
    "amp_open": EventType.OPENED,
    "amp_initial_open": EventType.OPENED,
    "click": EventType.CLICKED,
    "amp_click": EventType.CLICKED,
    "list_unsubscribe": EventType.UNSUBSCRIBED,
    "link_unsubscribe": EventType.UNSUBSCRIBED,
}
# SparkPost's bounce classification codes.
_REASONS = {
    "1": RejectReason.OTHER,
    "10": RejectReason.INVALID,
    "20": RejectReason.BOUNCED,
    "21": RejectReason.BOUNCED,
    "22": RejectReason.BOUNCED,
    "23": RejectReason.BOUNCED,
    "24": RejectReason.TIMED_OUT,
    "25": RejectReason.BLOCKED,
    "26": RejectReason.BLOCKED,
    "30": RejectReason.BOUNCED,
    "40": RejectReason.BOUNCED,
    "50": RejectReason.BLOCKED,
    "51": RejectReason.SPAM,
    "52": RejectReason.SPAM,
    "53": RejectReason.BLOCKED,
    "54": RejectReason.BLOCKED,
    "60": RejectReason.OTHER,
    "70": RejectReason.BOUNCED,
    "80": RejectReason.OTHER,
    "90": RejectReason.UNSUBSCRIBED,
    "100": RejectReason.OTHER,
}
_HARD = ("10", "30", "90")


def _read(request: HookRequest) -> list[ProviderEvent]:
    found = []
    for entry in as_list(as_json(request.body)):
        group = as_dict(entry.get("msys"))
        if group:
            found.append(_event(as_dict(next(iter(group.values())))))
    return found


def _event(entry: dict[str, Any]) -> ProviderEvent:
    kind = _TYPES.get(text(entry.get("type")), EventType.UNKNOWN)
    said = text(entry.get("bounce_class"))
    reason = _REASONS.get(said, RejectReason.OTHER) if said else None
    return ProviderEvent(
        type=kind,
        hints=hints(entry),
        recipient=text(entry.get("raw_rcpt_to") or entry.get("rcpt_to")),
        reason=reason,
        message_id=text(entry.get("transmission_id")),
        event_id=text(entry.get("event_id")),
        at=seconds(entry.get("timestamp")),
        permanent=said in _HARD if kind is EventType.BOUNCED else None,
        text=text(entry.get("raw_reason") or entry.get("reason")),
    )


PROVIDER = Provider("sparkpost", "SparkPost", _read, proofs.basic_auth, "user:password of the webhook's basic authentication")
