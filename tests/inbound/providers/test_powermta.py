"""Accounting files of PowerMTA are read record by record, whatever was done to them on the way."""

from __future__ import annotations

import gzip
import io
from contextlib import suppress

import hook_calls
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.inbound.providers import powermta
from posthouse.inbound.providers.cards import EventType
from posthouse.inbound.providers.powermta import PROVIDER, cut
from posthouse.inbound.providers.rules import event_fingerprint, understand
from posthouse.inbound.providers.values import Unreadable

HEAD = "type,timeLogged,orig,rcpt,dsnAction,dsnStatus,dsnDiag,bounceCat,feedbackType,header_Message-Id\r\n"
BOUNCE = 'b,1800000000,t@m.example,ann@example.net,failed,5.2.2 (mailbox full),"smtp;552 5.2.2 quota, ""exceeded""",quota-issues,,<m@x>\r\n'


def _read(text: str | bytes) -> list:
    body = text if isinstance(text, bytes) else text.encode()
    return PROVIDER.read(hook_calls.request(body, "text/csv"))


@pytest.mark.parametrize(
    ("letter", "type_"),
    [
        ("b", EventType.BOUNCED),
        ("rb", EventType.BOUNCED),
        ("d", EventType.DELIVERED),
        ("t", EventType.DEFERRED),
        ("f", EventType.COMPLAINED),
        ("tq", EventType.UNKNOWN),
        ("r", EventType.QUEUED),
        ("rs", EventType.UNKNOWN),
        ("bounce", EventType.BOUNCED),
    ],
)
def test_every_kind_of_record(letter: str, type_: EventType) -> None:
    """Delivered, bounced, transient, remote bounce, feedback; the rest changes nothing."""
    (event,) = _read(HEAD + BOUNCE.replace("b,", f"{letter},", 1))
    assert (event.type, event.recipient) == (type_, "ann@example.net")


def test_quotes_and_commas_in_a_diagnostic_text() -> None:
    """RFC 4180: doubled quotes stand for one; the reason comes from the text as everywhere."""
    (event,) = _read(HEAD + BOUNCE)
    assert event.text == '552 5.2.2 quota, "exceeded"'
    found = understand("powermta", event)
    assert found is not None
    assert (found.outcomes[0].reason, found.outcomes[0].hard) == ("mailboxfull", False)


def test_its_category_counts_only_where_the_text_says_nothing() -> None:
    """A text that the classifier knows is more exact than a category."""
    said = understand("powermta", _read(HEAD + BOUNCE.replace("quota-issues", "bad-mailbox"))[0])
    mute = understand("powermta", _read(HEAD + "b,1,o,ann@example.net,failed,,,bad-mailbox,,\n")[0])
    assert said is not None
    assert mute is not None
    assert said.outcomes[0].reason == "mailboxfull"
    assert (mute.outcomes[0].reason, mute.outcomes[0].hard, mute.outcomes[0].suppress) == ("userunknown", True, True)


def test_a_file_cut_in_the_middle_gives_its_whole_records_only() -> None:
    """At every byte: what is not whole is not believed, since the rest might have said something else."""
    whole = (HEAD + BOUNCE + BOUNCE.replace("ann", "bob")).encode()
    seen = set()
    for end in range(len(HEAD) + 1, len(whole)):
        events = _read(whole[:end])
        assert len(events) <= 1
        assert all(event.recipient == "ann@example.net" and event.text.endswith('"exceeded"') for event in events)
        seen.add(len(events))
    assert seen == {0, 1}
    assert len(_read(whole)) == 2


def test_line_ends_order_mark_and_gzip_make_no_difference() -> None:
    """The same events, with the same keys, so that a file posted twice in two forms counts once."""
    plain = HEAD + BOUNCE
    forms = [plain, plain.replace("\r\n", "\n"), "\ufeff" + plain, plain + plain.replace(BOUNCE, ""), plain + "\r\n\r\n"]
    keys = {event_fingerprint("powermta", event) for form in forms for event in _read(form)}
    keys |= {event_fingerprint("powermta", event) for event in _read(gzip.compress(plain.encode()))}
    assert len(keys) == 1


def test_a_value_with_a_line_end_stays_one_record() -> None:
    """Quoted line ends belong to the value."""
    (event,) = _read(HEAD + BOUNCE.replace("quota, ", "quota,\r\nis "))
    assert "is" in event.text


def test_pieces_are_the_same_each_time_and_bear_the_names() -> None:
    """A large file is cut between records; nothing is lost, nothing is there twice."""
    body = (HEAD + "".join(BOUNCE.replace("ann", f"u{number}") for number in range(12_000))).encode()
    first, second = list(cut(body)), list(cut(gzip.compress(body)))
    assert first == second
    assert len(first) > 1
    names = [event.recipient for piece in first for event in _read(piece)]
    assert len(names) == len(set(names)) == 12_000


@pytest.mark.parametrize("body", [b"b,1,2,3\n", b"{}\n", b"\x1f\x8bnonsense", b'type,a\nb,"' + b"x" * 300_000])
def test_what_is_no_accounting_file_is_refused(body: bytes) -> None:
    """With words; half a gzip that holds nothing gives nothing."""
    with suppress(Unreadable):
        assert _read(body) == []


def test_a_gzip_bomb_is_not_unpacked() -> None:
    """Row 62: a ratio that no file has."""
    with pytest.raises(Unreadable, match="25 MB"):
        _read(gzip.compress(b"\0" * 60_000_000))


def test_a_compressed_file_that_is_cut_off_gives_what_is_whole_and_says_so() -> None:
    """The folder's reader works on a stream."""
    packed = gzip.compress((HEAD + "".join(BOUNCE.replace("ann", f"u{number * 7919}") for number in range(3_000))).encode())
    got = []
    with gzip.open(io.BytesIO(packed[: len(packed) // 2])) as stream, pytest.raises(Unreadable, match="cut off"):
        got.extend(powermta.pieces(stream))
    assert sum(len(_read(piece)) for piece in got) > 100


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_rubbish_never_breaks_the_reader(rubbish: bytes) -> None:
    """It is read or refused."""
    for body in (rubbish, (HEAD + BOUNCE).encode() + rubbish):
        try:
            _read(body)
        except Unreadable:
            continue


# The columns in the order in which its guide lists them, and with what a file of several record types carries besides.
ALL = (
    "type,timeLogged,timeQueued,timeFirstAttempt,totalSecondsQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat,srcType,srcMta,"
    "dlvType,dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,queue,vmtaPool,format,userAgent,feedbackType,repSourceIp,"
    "reportedDomain,reportingMta,header_Return-Path,header_Message-Id,rcvSourceIp,rcvSourceIp,dsnReportingMta"
)


def _row(**values: str) -> str:
    named = {name.lower(): value for name, value in values.items()}
    return ",".join(named.get(name.lower().replace("-", "_"), "") for name in ALL.split(","))


@pytest.mark.parametrize(
    "at", ["1799971200", "2027-01-15 00:00:00+0000", "2027-01-15 00:00:00", "2027-01-15T00:00:00Z", "2027-01-15 01:00:00+0100"]
)
def test_the_forms_in_which_it_writes_times(at: str) -> None:
    """Seconds since 1970 is what it does by itself; the rest can be set."""
    (event,) = _read(f"{ALL}\r\n{_row(type='b', timeLogged=at, rcpt='ann@example.net', dsnDiag='smtp;550 5.1.1 no such user')}\r\n")
    assert (event.at, event.text) == (1_799_971_200, "550 5.1.1 no such user")


def test_a_file_of_several_kinds_of_records() -> None:
    """All columns of all kinds stand in it, most of them empty; a column may come twice."""
    rows = [
        _row(type="d", rcpt="ann@example.net", dsnAction="relayed", dsnStatus="2.0.0 (success)", dsnDiag="smtp;250 2.0.0 OK"),
        _row(type="t", rcpt="bob@example.net", dsnAction="delayed", dsnStatus="4.2.2 (mailbox full)", dsnDiag="smtp;452 4.2.2 over quota"),
        _row(
            type="rb",
            orig="t@m.example",
            rcpt="cy@example.net",
            dsnStatus="5.1.1",
            dsnDiag="smtp;550 unknown",
            dsnReportingMta="mx.example.net",
        ),
        _row(type="f", rcpt="fbl-t@m.example", format="arf", feedbackType="abuse", header_Return_Path="t@m.example", userAgent="Loop/1"),
        _row(type="r", rcpt="dan@example.net"),
        _row(type="tq", rcpt="dan@example.net"),
    ]
    events = _read("\r\n".join([ALL, *rows, ""]))
    kinds = [EventType.DELIVERED, EventType.DEFERRED, EventType.BOUNCED, EventType.COMPLAINED, EventType.QUEUED, EventType.UNKNOWN]
    assert [event.type for event in events] == kinds
    assert "t@m.example" in events[3].hints
    assert [understand("powermta", event) is None for event in events] == [True, False, False, False, True, True]


def test_the_file_may_name_its_columns_in_any_order_and_case() -> None:
    """Also quoted, and each file of a rotation has a head of its own."""
    one = '"RCPT","Type","dsndiag","timelogged"\n'
    other = "rcpt,type,dsnDiag,timeLogged\n"
    for head in (one, other):
        with pytest.raises(Unreadable, match="column names"):
            _read(head + "ann@example.net,b,smtp;550 5.1.1 x,1800000000\n")
    moved = 'type,"dsnDiag",RCPT,timelogged\nb,smtp;550 5.1.1 x,ann@example.net,1800000000\n'
    assert [event.recipient for event in _read(moved + moved)] == ["ann@example.net"] * 2


def test_its_guides_order_of_words_in_a_remote_status() -> None:
    """A remote status report that is no failure is never a bounce."""
    (event,) = _read(f"{ALL}\r\n{_row(type='rs', rcpt='ann@example.net', dsnAction='delayed', dsnStatus='4.4.1')}\r\n")
    assert understand("powermta", event) is None
