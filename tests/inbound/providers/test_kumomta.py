"""Log records of KumoMTA are read one by one or in batches, in both forms of its recipients."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress

import hook_calls
import pytest

from posthouse.inbound.providers.cards import EventType
from posthouse.inbound.providers.kumomta import PROVIDER
from posthouse.inbound.providers.rules import event_fingerprint, understand
from posthouse.inbound.providers.values import EVENT_LIMIT, Unreadable

RECORD = {
    "type": "Bounce",
    "id": "d7ef132b5d7711eea8c8000c29c33806",
    "sender": "token@bounce.mail.example",
    "recipient": "ann@example.net",
    "response": {"code": 552, "enhanced_code": {"class": 5, "subject": 2, "detail": 2}, "content": "over quota", "command": "RCPT"},
    "timestamp": 1_800_000_000,
    "num_attempts": 2,
    "nodeid": "557f3ad4",
    "bounce_classification": "Uncategorized",
}


def _read(value: object) -> list:
    return PROVIDER.read(hook_calls.request(json.dumps(value).encode()))


@pytest.mark.parametrize(
    ("type_", "wanted"),
    [
        ("Delivery", EventType.DELIVERED),
        ("Bounce", EventType.BOUNCED),
        ("OOB", EventType.BOUNCED),
        ("Expiration", EventType.FAILED),
        ("AdminBounce", EventType.FAILED),
        ("TransientFailure", EventType.DEFERRED),
        ("Feedback", EventType.COMPLAINED),
        ("Reception", EventType.QUEUED),
        ("SomethingNew", EventType.UNKNOWN),
    ],
)
def test_every_kind_of_record(type_: str, wanted: EventType) -> None:
    """What it doesn't know yet changes nothing."""
    (event,) = _read({**RECORD, "type": type_})
    assert (event.type, event.recipient) == (wanted, "ann@example.net")


def test_the_answer_goes_through_the_classifier() -> None:
    """Code, enhanced code and text as the other server said them; a class of its own only where these are mute."""
    found = understand("kumomta", _read(RECORD)[0])
    mute = understand("kumomta", _read({**RECORD, "response": {}, "bounce_classification": "InvalidRecipient"})[0])
    late = understand("kumomta", _read({**RECORD, "type": "Expiration", "response": {"code": 551, "content": "Next delivery time"}})[0])
    assert found is not None
    assert mute is not None
    assert late is not None
    assert (found.outcomes[0].status, found.outcomes[0].reason) == ("5.2.2", "mailboxfull")
    assert (mute.outcomes[0].reason, mute.outcomes[0].hard) == ("userunknown", True)
    assert (late.outcomes[0].reason, late.outcomes[0].hard) == ("expired", False)


def test_a_batch_of_records_in_any_form() -> None:
    """A list, lines of JSON, gzip; and one record for several recipients is several events."""
    two = [RECORD, {**RECORD, "id": "2", "recipient": ["bob@example.net", "cy@example.net"]}]
    lines = "\n".join(map(json.dumps, two)).encode()
    names = [[event.recipient for event in _read(two)]]
    names += [[event.recipient for event in PROVIDER.read(hook_calls.request(body))] for body in (lines, gzip.compress(lines))]
    assert names == [["ann@example.net", "bob@example.net", "cy@example.net"]] * 3


def test_an_event_has_one_key_however_it_comes() -> None:
    """Alone or in a batch; a later attempt at the same message is another event."""
    alone, batched = _read(RECORD)[0], _read([RECORD, RECORD])[1]
    later = _read({**RECORD, "num_attempts": 3})[0]
    assert event_fingerprint("k", alone) == event_fingerprint("k", batched) != event_fingerprint("k", later)


def test_a_complaint_keeps_its_kind() -> None:
    """`not-spam` lifts a complaint, so it must not be taken for one; opting out is leaving."""
    report = {"feedback_type": "not-spam", "original_rcpt_to": ["ann@example.net"]}
    found = understand("kumomta", _read({"type": "Feedback", "id": "1", "feedback_report": report})[0])
    left = _read({"type": "Feedback", "id": "1", "feedback_report": {**report, "feedback_type": "opt-out"}})[0]
    assert found is not None
    assert found.feedback is not None
    assert (found.feedback.kind, found.feedback.recipients) == ("not-spam", ("ann@example.net",))
    assert left.type is EventType.UNSUBSCRIBED


# Every field that its reference of log records names, with values of our own.
WHOLE = {
    **RECORD,
    "queue": "spring:shop@example.net",
    "site": "source2->(mx1|mx2).example.net",
    "size": 20_480,
    "peer_address": {"name": "mx1.example.net.", "addr": "192.0.2.25"},
    "created": 1_799_999_000,
    "egress_pool": "pool0",
    "egress_source": "source2",
    "source_address": {"address": "198.51.100.7:53210", "protocol": None, "server": None},
    "feedback_report": None,
    "meta": {"tenant": "shop"},
    "headers": {"Subject": "Hello"},
    "delivery_protocol": "ESMTP",
    "reception_protocol": "ESMTP",
    "nodeid": "557f3ad4-2c8c-11ee-976e-782d7e12e173",
    "tls_cipher": "TLS_AES_256_GCM_SHA384",
    "tls_protocol_version": "TLSv1.3",
    "tls_peer_subject_name": ["C=US", "CN=mx1.example.net"],
    "provider_name": "example",
    "session_id": "9bcd689e-23d9-41b7-a015-63a1382f8b57",
}
COMPLAINT = {
    **WHOLE,
    "type": "Feedback",
    "sender": "",
    "recipient": "fbl-token@mail.example",
    "response": {"code": 200, "enhanced_code": None, "content": "", "command": None},
    "feedback_report": {
        "feedback_type": "ABUSE",
        "user_agent": "Loop/1.0",
        "version": "1",
        "arrival_date": "2026-11-25T10:00:00Z",
        "incidents": None,
        "original_envelope_id": None,
        "original_mail_from": "<token@bounce.mail.example>",
        "reporting_mta": {"mta_type": "dns", "name": "mx1.example.net"},
        "source_ip": "198.51.100.7",
        "authentication_results": ["mx1.example.net; spf=pass"],
        "original_rcpto_to": ["<ann@example.net>"],
        "reported_domain": ["mail.example"],
        "reported_uri": [],
        "extensions": {"x-loop": ["7"]},
        "original_message": "Return-Path: <token@bounce.mail.example>\nSubject: Hello\n\nHi\n",
        "supplemental_trace": None,
    },
}


def test_a_record_with_every_documented_field() -> None:
    """What is not asked for changes nothing, and our token is found wherever it stands."""
    (event,) = _read(WHOLE)
    assert (event.type, event.recipient, event.at, event.text) == (
        EventType.BOUNCED,
        "ann@example.net",
        1_800_000_000,
        "552 5.2.2 over quota",
    )
    assert "token@bounce.mail.example" in event.hints


def test_a_complaint_names_who_complained() -> None:
    """Its record's recipient is the address that took the report; the person stands in the report, in angles, under a misspelt name."""
    (event,) = _read(COMPLAINT)
    found = understand("kumomta", event)
    assert (event.type, event.recipient) == (EventType.COMPLAINED, "ann@example.net")
    assert found is not None
    assert found.feedback is not None
    assert found.feedback.kind == "abuse"
    assert "token@bounce.mail.example" in event.hints


@pytest.mark.parametrize(
    ("class_", "wanted"), [(5, EventType.BOUNCED), (4, EventType.DEFERRED), (2, EventType.DELIVERED), (None, EventType.BOUNCED)]
)
def test_an_out_of_band_report_may_be_about_a_delay(class_: int | None, wanted: EventType) -> None:
    """It logs each recipient of a delivery report, and only the code says whether that was a failure."""
    response = {"code": 550, "enhanced_code": class_ and {"class": class_, "subject": 4, "detail": 7}, "content": "told later"}
    (event,) = _read({**WHOLE, "type": "OOB", "response": response})
    assert event.type is wanted


@pytest.mark.parametrize("type_", ["Rejection", "Delay", "AdminRebind", "XferOut", "Any"])
def test_records_about_no_recipient_change_nothing(type_: str) -> None:
    """Its newer types."""
    (event,) = _read({**WHOLE, "type": type_})
    assert understand("kumomta", event) is None


def test_a_long_batch_is_cut_without_loss() -> None:
    """Each piece is kept and sorted by itself."""
    assert PROVIDER.cut is not None
    body = json.dumps([{"type": "Bounce", "id": str(number)} for number in range(EVENT_LIMIT + 5)]).encode()
    sizes = [len(PROVIDER.read(hook_calls.request(piece))) for piece in PROVIDER.cut(body)]
    assert sizes == [EVENT_LIMIT, 5]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[1, 2, null]", b'"text"', b"{}\nnope", b"[" * 100_000])
def test_rubbish_is_refused_or_says_nothing(body: bytes) -> None:
    """Never an exception of another kind."""
    with suppress(Unreadable):
        assert PROVIDER.read(hook_calls.request(body)) == []
