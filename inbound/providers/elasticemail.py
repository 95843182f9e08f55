"""Elastic Email's notifications: fields of a form or of the query; no signature, so basic authentication."""

from urllib.parse import parse_qsl, urlsplit

from posthouse.inbound.providers import proofs
from posthouse.inbound.providers.cards import EventType, HookRequest, Provider, ProviderEvent, RejectReason
from posthouse.inbound.providers.values import as_dict, as_json, first, form, hints, seconds, text

_TYPES = {
    "sent": EventType.DELIVERED,
    "opened": EventType.OPENED,
    "clicked": EventType.CLICKED,
    "error": EventType.BOUNCED,
    "bounced": EventType.BOUNCED,
    "abusereport": EventType.COMPLAINED,
    "complaint": EventType.COMPLAINED,
    "unsubscribed": EventType.UNSUBSCRIBED,
}
# Elastic Email's bounce categories.
_REASONS = {
    "nomailbox": RejectReason.BOUNCED,
    "accountproblem": RejectReason.BOUNCED,
    "dnsproblem": RejectReason.BOUNCED,
    "throttled": RejectReason.OTHER,
    "timeout": RejectReason.TIMED_OUT,
    "connectionterminated": RejectReason.TIMED_OUT,
    "connectionproblem": RejectReason.TIMED_OUT,
    "blacklisted": RejectReason.BLOCKED,
    "greylisted": RejectReason.OTHER,
    "spam": RejectReason.SPAM,
    "contentfiltered": RejectReason.SPAM,
    "suppressed": RejectReason.BLOCKED,
    "codeerror": RejectReason.OTHER,
    "notdeliveredcancelled": RejectReason.OTHER,
    "notdelivered": RejectReason.OTHER,
}
_SOFT = ("throttled", "timeout", "greylisted", "connectionterminated", "connectionproblem", "blacklisted", "spam", "codeerror")


def _read(request: HookRequest) -> list[ProviderEvent]:
    fields = _fields(request)
    kind = _TYPES.get(first(fields, "status").lower(), EventType.UNKNOWN)
    category = first(fields, "category").lower().replace(" ", "")
    return [
        ProviderEvent(
            type=kind,
            hints=hints(fields),
            recipient=first(fields, "to"),
            reason=_REASONS.get(category, RejectReason.OTHER) if kind is EventType.BOUNCED else None,
            message_id=first(fields, "messageid") or first(fields, "transaction"),
            at=seconds(first(fields, "date")),
            permanent=category not in _SOFT if kind is EventType.BOUNCED else None,
            text=category,
        )
    ]


def _fields(request: HookRequest) -> list[tuple[str, str]]:
    if "json" in request.content_type.lower():
        return [(name.lower(), text(value)) for name, value in as_dict(as_json(request.body)).items()]
    return [(name.lower(), value) for name, value in [*form(request), *parse_qsl(urlsplit(request.url).query)[:50]]]


PROVIDER = Provider("elasticemail", "Elastic Email", _read, proofs.basic_auth, "user:password that stand in the notification's address")
