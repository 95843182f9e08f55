"""KumoMTA's log hooks: one record of its log a post, or a batch of them as a list or as lines."""

import json
from collections.abc import Iterator
from typing import Any

from posthouse.inbound.parsing.unpack import unpack
from posthouse.inbound.providers import proofs
from posthouse.inbound.providers.cards import EventType, HookRequest, Provider, ProviderEvent
from posthouse.inbound.providers.values import EVENT_LIMIT, Unreadable, as_dict, as_json, hints, seconds, text

_TYPES = {
    "Delivery": EventType.DELIVERED,
    "Bounce": EventType.BOUNCED,
    "OOB": EventType.BOUNCED,
    "Expiration": EventType.FAILED,
    "AdminBounce": EventType.FAILED,
    "TransientFailure": EventType.DEFERRED,
    "Feedback": EventType.COMPLAINED,
    "Reception": EventType.QUEUED,
}
# Its classifier's words (they are those of the iana.toml that ships with it) in ours; asked only where the reply tells nothing.
_CATEGORIES = {
    "InvalidRecipient": "userunknown",
    "BadDomain": "hostunknown",
    "InactiveMailbox": "suspend",
    "QuotaIssues": "mailboxfull",
    "MailboxFull": "mailboxfull",
    "InvalidSender": "rejected",
    "SpamBlock": "blocked",
    "SpamContent": "spamdetected",
    "VirusRelated": "virusdetected",
    "ContentRelated": "contenterror",
    "PolicyRelated": "policyviolation",
    "RelayingIssues": "norelaying",
    "AuthenticationFailed": "authfailure",
    "DNSFailure": "networkerror",
    "RoutingErrors": "networkerror",
    "BadConnection": "networkerror",
    "NoAnswerFromHost": "networkerror",
    "ProtocolErrors": "syntaxerror",
    "MessageExpired": "expired",
}


def _records(body: bytes) -> list[dict[str, Any]]:
    unpacked = unpack(body)
    if unpacked.trouble:
        raise Unreadable(f"cannot be unpacked: {unpacked.trouble}")
    try:
        found = as_json(unpacked.data)
    except Unreadable:
        found = [as_json(line) for line in unpacked.data.splitlines() if line.strip()]
        if not found:
            raise
    entries = found if isinstance(found, list) else [found]
    return [entry for entry in entries if isinstance(entry, dict)]


def _read(request: HookRequest) -> list[ProviderEvent]:
    return [event for record in _records(request.body) for event in _events(record)]


def _events(record: dict[str, Any]) -> Iterator[ProviderEvent]:
    kind = _kind(record)
    report = as_dict(record.get("feedback_report"))
    if kind is EventType.COMPLAINED and text(report.get("feedback_type")).lower() == "opt-out":
        kind = EventType.UNSUBSCRIBED
    for recipient in _recipients(record, report):
        yield ProviderEvent(
            type=kind,
            recipient=recipient,
            message_id=text(record.get("id")),
            event_id=_event_id(record),
            at=seconds(record.get("timestamp")),
            permanent=None if kind is EventType.DEFERRED else True,
            text=_answer(record),
            hints=hints(record),
            category=text(report.get("feedback_type")).lower()
            if report
            else _CATEGORIES.get(text(record.get("bounce_classification")), ""),
        )


def _kind(record: dict[str, Any]) -> EventType:
    kind = _TYPES.get(text(record.get("type")), EventType.UNKNOWN)
    if record.get("type") != "OOB":
        return kind
    # It makes one of each recipient of any delivery report, those about a delay or a delivery too (RFC 3463 2).
    class_ = text(as_dict(as_dict(record.get("response")).get("enhanced_code")).get("class"))
    return {"2": EventType.DELIVERED, "4": EventType.DEFERRED}.get(class_, kind)


def _event_id(record: dict[str, Any]) -> str:
    # Its ids are the messages'; what happened to one of them, when and where, is the event.
    return "|".join(text(record.get(name)) for name in ("nodeid", "id", "type", "timestamp", "num_attempts")) if record.get("id") else ""


def _recipients(record: dict[str, Any], report: dict[str, Any]) -> list[str]:
    # A string in its older releases, a list since one message may go to several. Of a complaint it is the address that took it, and
    # who complained stands in the report, under a name that its releases spell in two ways.
    complainer = report.get("original_rcpto_to") or report.get("original_rcpt_to")
    named = complainer or record.get("recipient") or ""
    found = [text(one).strip().strip("<>") for one in named[:100]] if isinstance(named, list) else [text(named).strip("<>")]
    return found or [""]


def _answer(record: dict[str, Any]) -> str:
    response = as_dict(record.get("response"))
    enhanced = as_dict(response.get("enhanced_code"))
    status = ".".join(text(enhanced.get(part)) for part in ("class", "subject", "detail")) if enhanced else ""
    if record.get("type") == "Expiration":
        return f"{text(response.get('content'))} (message expired)"
    return " ".join(word for word in (text(response.get("code")), status, text(response.get("content"))) if word)


def _cut(body: bytes) -> Iterator[bytes]:
    records = _records(body)
    for start in range(0, len(records), EVENT_LIMIT):
        yield body if len(records) <= EVENT_LIMIT else json.dumps(records[start : start + EVENT_LIMIT]).encode()


PROVIDER = Provider(
    "kumomta",
    "KumoMTA log hooks",
    _read,
    proofs.token_auth,
    "A secret that you make up; the log hook sends it as bearer token. Or user:password, sent as basic authentication",
    cut=_cut,
)
