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
