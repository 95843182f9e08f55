"""Reading what comes back: each kind is known for what it is, bombs are harmless, line ends make no difference."""

import resource
import sys
import time

import letters
import more_bounces
import pytest
import written_bounces
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.inbound.parsing.cards import Kind
from posthouse.inbound.parsing.reading import read

TOKEN = letters.TOKEN
WRITTEN = (*written_bounces.BOUNCES, *more_bounces.MORE)
SAMPLES = [letters.dsn(), letters.arf(), letters.vacation(), letters.REPLY.encode(), letters.qmail()]


def test_a_dsn_says_who_what_and_why() -> None:
    """RFC 3464: recipient, action, status; the reply inside gives the reason."""
    found = read(letters.dsn(), (letters.RETURN_PATH,))
    (outcome,) = found.outcomes
    assert (found.kind, outcome.recipient, outcome.action, outcome.status) == (Kind.BOUNCE, "ann@example.net", "failed", "5.1.1")
    assert (outcome.reason, outcome.hard, outcome.suppress) == ("userunknown", True, True)


def test_only_failed_may_suppress() -> None:
    """RFC 3464 2.3.3: a delay is not the end, a delivery no failure."""
    assert [read(letters.dsn(action)).outcomes[0].suppress for action in ("failed", "delayed", "delivered")] == [True, False, False]


def test_the_token_of_the_return_path_comes_first() -> None:
    """The envelope beats what stands in the mail; the ids of the original follow."""
    found = read(letters.dsn(), ("z" * 44 + "@bounce.mail.example",))
    assert found.ids.tokens[:2] == ("z" * 44, TOKEN)
    assert f"<{TOKEN}@mail.example>" in found.ids.message_ids


def test_the_token_is_found_in_the_original_alone() -> None:
    """A report sent to another address still names the message, through what it gives back."""
    assert TOKEN in read(letters.dsn(to="someone@mail.example"), ("postmaster@mail.example",)).ids.tokens


def test_a_written_bounce_gives_each_recipient_its_reason() -> None:
    """qmail writes for people; two recipients get two reasons."""
    found = read(letters.qmail())
    assert [(o.recipient, o.reason) for o in found.outcomes] == [("ann@example.net", "mailboxfull"), ("bob@example.net", "userunknown")]


@pytest.mark.parametrize("kind", ["abuse", "fraud", "not-spam", "opt-out", "auth-failure"])
def test_a_complaint_keeps_its_type(kind: str) -> None:
    """RFC 5965 7.3, 6430, 6591."""
    found = read(letters.arf(kind))
    assert found.kind is Kind.COMPLAINT
    assert found.feedback is not None
    assert (found.feedback.kind, found.feedback.recipients, found.feedback.source_ip) == (kind, ("ann@example.net",), "192.0.2.1")


def test_a_redacted_complaint_still_has_its_token() -> None:
    """RFC 6590: the address may be hidden; our own id is not."""
    found = read(letters.arf(extra=""))
    assert TOKEN in found.ids.tokens


def test_an_unknown_complaint_type_is_other() -> None:
    """RFC 5965 7.3: take an unknown type for other."""
    found = read(letters.arf("grumble"))
    assert found.feedback is not None
    assert found.feedback.kind == "other"


@pytest.mark.parametrize(
    ("subject", "extra"),
    [
        ("Out of office", "Auto-Submitted: auto-replied\n"),
        ("Re: Hello", "X-Autoreply: yes\n"),
        ("Automatische Antwort: Hello", ""),
        ("Réponse automatique : Hello", ""),
        ("Odpowiedź automatyczna: Hello", ""),
        ("=?utf-8?B?QXV0b23EgXRpc2vEgSBhdGJpbGRl?=", ""),
    ],
)
def test_an_automatic_answer_is_known_by_mark_or_language(subject: str, extra: str) -> None:
    """RFC 3834 marks, and subjects of vacation programs in many languages."""
    assert read(letters.vacation(subject, extra)).kind is Kind.AUTO_REPLY


def test_row_65_a_quoted_dsn_in_a_reply_is_no_bounce() -> None:
    """A person who quotes a bounce sends none."""
    assert read(letters.REPLY.encode()).kind is Kind.REPLY


def test_row_65_an_auto_reply_that_plays_dsn_has_no_outcome() -> None:
    """The word 'report' in the type makes no report of a vacation notice."""
    raw = letters.vacation("Out of office").replace(b"In-Reply-To", b"Content-Type: multipart/mixed; report-type=x\nIn-Reply-To")
    assert read(raw).outcomes == ()


def test_an_unsubscribe_address_decides() -> None:
    """RFC 2369: whatever the mail to u-… says, it unsubscribes."""
    assert read(b"Subject: hi\n\nhello", (f"u-{TOKEN}@mail.example",)).kind is Kind.UNSUBSCRIBE


@pytest.mark.parametrize("sample", range(len(SAMPLES)))
def test_line_ends_make_no_difference(sample: int) -> None:
    """CRLF, LF and bare CR forms of a mail are understood the same."""
    plain = SAMPLES[sample].replace(b"\r\n", b"\n")
    forms = [plain, plain.replace(b"\n", b"\r\n"), plain.replace(b"\n", b"\r")]
    assert len({repr(read(form)) for form in forms}) == 1


def _nested(depth: int) -> bytes:
    parts = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(depth))
    return b"From: mailer-daemon@example.net\nSubject: failure notice\n" + parts


BOMBS = {
    "row_54_nested_1000": _nested(1_000),
    "row_54_nested_10000": _nested(10_000),
    "row_55_empty_parts": b'Content-Type: multipart/mixed; boundary="b"\n\n' + b"--b\n\n" * 200_000,
    "row_56_continuations": b"Content-Type: text/plain" + b"".join(b"; a*%d=x" % n for n in range(20_000)) + b"\n\n",
    "row_57_parentheses": b"To: " + b"(" * 20_000 + b"\nFrom: " + b"(" * 20_000 + b"\n\nx",
    "row_58_boundary_missing": b"Content-Type: multipart/mixed\n\n--\n--\n--x--\n",
    "row_58_boundary_long": b'Content-Type: multipart/mixed; boundary="' + b"x" * 70_000 + b'"\n\n--' + b"x" * 70_000 + b"\n\nhi",
    "row_58_boundary_same_as_parent": b'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n\n--b--\n',
    "row_59_base64": b"Content-Transfer-Encoding: base64\n\n" + b"QUJ" * 10_000_000,
    "row_59_quoted_printable": b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=" * 1_000_000,
    "row_59_charset_idna": b"Content-Type: text/plain; charset=idna\n\n" + b"\xff" * 1_000,
    "row_59_charset_utf7": b"Content-Type: text/plain; charset=utf-7\n\n+AAA-" * 1_000,
    "row_60_recipients": b"Content-Type: message/delivery-status\n\n"
    + b"".join(b"Final-Recipient: rfc822; a%d@x.example\nAction: failed\nStatus: 5.1.1\n\n" % n for n in range(10_000)),
    "row_60_status": b"Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@x.example\nAction: failed\nStatus: 9.9.9\n\n",
    "long_line": b"From: mailer-daemon@x.example\nSubject: failure notice\n\n" + b"a" * 20_000_000,
    "endless_headers": b"".join(b"X-%d: y\n" % n for n in range(200_000)),
    "angle_brackets": b"From: mailer-daemon@x.example\nSubject: failure notice\nContent-Type: text/html\n\n" + b"<" * 500_000,
    "at_signs": b"From: mailer-daemon@x.example\nSubject: failure notice\n\n" + b"a@" * 500_000,
    "addresses": b"From: mailer-daemon@x.example\nSubject: failure notice\n\n" + b"<a@b.example>: 550 x\n" * 100_000,
    "spaces": b"From: mailer-daemon@x.example\nSubject: failure notice\n\nto" + b" " * 500_000 + b"x",
    "dashes": b"From: mailer-daemon@x.example\nSubject: failure notice\n\n" + b"-" * 500_000 + b"x",
    "carriage_returns": b"From: mailer-daemon@x.example\nSubject: failure notice\n\n" + b"\r" * 16_000_000,
    "empty_lines": b"\n" * 16_000_000,
    "unclosed_styles": b"From: mailer-daemon@x.example\nContent-Type: text/html\n\n" + b"<style" * 500_000,
    "row_58_false_boundaries": b'Content-Type: multipart/mixed; boundary="b"\n\n' + b"--bx\n" * 2_000_000,
    "encoded_words": b"Subject: " + b"=?utf-8?q?x?=" * 50_000 + b"\n\nx",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_in_time_and_memory(name: str) -> None:
    """Rows 54 to 60: at most 1 s, at most 128 MiB more, never an exception."""
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    read(BOMBS[name])
    assert time.process_time() - started < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 128 * 1024


def test_row_54_needs_no_recursion() -> None:
    """The reader keeps its own stack, so the interpreter's limit does not matter."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        assert read(_nested(5_000)).trouble == "depth"
    finally:
        sys.setrecursionlimit(limit)


@settings(max_examples=300, deadline=2_000)
@given(st.binary(max_size=2_000))
def test_any_bytes_are_read(raw: bytes) -> None:
    """No input raises."""
    assert read(raw).kind in Kind


@settings(max_examples=300, deadline=2_000)
@given(st.sampled_from(SAMPLES), st.data())
def test_mutated_mail_is_read(sample: bytes, data: st.DataObject) -> None:
    """Real shapes with bytes changed, cut, doubled: no input raises."""
    at = data.draw(st.integers(0, len(sample)))
    length = data.draw(st.integers(0, 40))
    raw = sample[:at] + data.draw(st.binary(max_size=20)) + sample[at + length :] + sample[at : at + length]
    assert read(raw).kind in Kind


@pytest.mark.parametrize(
    ("sender", "subject", "words"),
    [
        (
            "Bob <bob@x.example>",
            "Undeliverable parcel",
            "Hi, the parcel that you sent could not be delivered to me. Could you send it again?",
        ),
        (
            "Shop <news@bounce.shop.example>",
            "Delivery report for your order 12",
            "Your order could not be delivered on Monday. We will retry tomorrow.",
        ),
        (
            "Bob <bob@x.example>",
            "Fwd: Undelivered Mail Returned to Sender",
            "What does this mean?\n\n> <ann@x.example>: 550 5.1.1 user unknown",
        ),
        ("Ann <ann@x.example>", "Mail delivery problems", "Since Monday I cannot send any mail. Can you help? My address is ann@y.example"),
    ],
)
def test_people_who_write_of_deliveries_send_no_bounce(sender: str, subject: str, words: str) -> None:
    """Parcels are undeliverable too, and people ask about bounces that they got."""
    assert read(f"From: {sender}\nSubject: {subject}\n\n{words}\n".encode()).kind is not Kind.BOUNCE


@pytest.mark.parametrize("bounce", WRITTEN, ids=[one[0] for one in WRITTEN])
def test_a_bounce_written_for_people_names_recipient_and_reason(bounce: tuple[str, str, str, str, tuple[tuple[str, str], ...]]) -> None:
    """Mail systems of thirty years and a dozen languages, each in its own form."""
    _, sender, subject, words, expected = bounce
    head = f"From: {sender}\nTo: b@bounce.shop.example\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n"
    found = read(f"{head}Content-Transfer-Encoding: 8bit\n\n{words}".encode())
    assert found.kind is Kind.BOUNCE
    for outcome, (recipient, reason) in zip(found.outcomes, expected, strict=True):
        assert recipient in (None, outcome.recipient)
        assert reason in (None, outcome.reason)


def test_an_automatic_answer_may_say_that_nobody_reads_there() -> None:
    """The mailbox is out of use: known, but neither hard nor a bounce."""
    found = read(b"From: ann@example.net\nAuto-Submitted: auto-replied\nSubject: Re: hi\n\nThis mailbox is no longer in use.\n")
    assert (found.kind, found.outcomes[0].reason, found.outcomes[0].hard) == (Kind.AUTO_REPLY, "suspend", False)


def test_a_dmarc_failure_report_in_words_is_a_complaint_of_the_domain() -> None:
    """Exim writes it as plain text (RFC 6591 is younger than that habit)."""
    words = b"A message claiming to be from you has failed the published DMARC policy for your domain.\n\nDMARC Results: None\n"
    found = read(b"From: r@example.net\nAuto-Submitted: auto-generated\nSubject: DMARC Forensic Report for shop.example\n\n" + words)
    assert found.feedback is not None
    assert (found.kind, found.feedback.kind) == (Kind.COMPLAINT, "auth-failure")
