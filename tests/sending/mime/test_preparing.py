"""Ready-made messages: what is kept byte for byte, what is taken out, what is refused, and what recipients then read."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.platform.errors import Invalid
from posthouse.sending.mime.entity import fits
from posthouse.sending.mime.preparing import Prepared, prepare
from posthouse.sending.mime.reading import with_crlf
from posthouse.sending.mime.refusals import MimeRefused

SMTP = email.policy.SMTP.clone(cte_type="8bit")
HEAD = b"From: Jo <jo@tea.example.com>\r\nTo: ann@example.net\r\nSubject: Hi\r\n"


def written(**headers: str) -> EmailMessage:
    """A message as Python's own library makes it."""
    made = EmailMessage()
    for name, value in ({"From": "Jo <jo@tea.example.com>", "To": "ann@example.net", "Subject": "Hi"} | headers).items():
        made[name.replace("_", "-")] = value
    return made


def wire(prepared: Prepared) -> bytes:
    return b"".join(one.wire() for one in prepared.fields) + b"\r\n" + prepared.body


def read(data: bytes) -> EmailMessage:
    return email.message_from_bytes(data, policy=email.policy.default)  # type: ignore[return-value]


def test_what_may_pass_is_kept_byte_for_byte() -> None:
    """Order, case, folds, odd blanks, unknown headers, parts, attachment and signature: nothing is written anew."""
    raw = (
        b"x-first:  odd \t blanks\r\nFROM: Jo\r\n <jo@tea.example.com>\r\nTo: ann@example.net\r\nSubject: Hi\r\nMessage-ID: <1@tea.example.com>\r\n"
        b'Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\npreamble\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\n.dot  \r\n\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-ID: <pic@x>\r\n\r\niVBORw0KGgo=\r\n--b--\r\nepilogue\r\n"
    )
    made = prepare(raw)
    assert wire(made) == raw
    assert (made.removed, made.links, made.message_id) == ((), (), "<1@tea.example.com>")


def test_wishes_and_what_may_not_pass_are_taken_out() -> None:
    """Bcc, traces, others' signatures, orders to relays and our own X- headers; tags and metadata are read."""
    raw = HEAD + (
        b"Bcc: secret@example.net\r\nReceived: from inner [10.0.0.1]\r\nDKIM-Signature: v=1\r\nReturn-Path: <a@b>\r\nX-SMTPAPI: {}\r\n"
        b"X-SES-Source-ARN: x\r\nX-MC-Tags: x\r\nARC-Seal: i=1\r\nX-Tag: receipt, shop\r\nx-tag: =?utf-8?q?caf=C3=A9?=\r\n"
        b"X-Metadata-Order-Id: 17\r\nX-Track: opens\r\nX-Own: stays\r\n\r\nHello\r\n"
    )
    made = prepare(raw)
    assert [one.key for one in made.fields] == ["from", "to", "subject", "x-own"]
    assert made.removed == (
        "arc-seal", "bcc", "dkim-signature", "received", "return-path", "x-mc-tags", "x-metadata-order-id", "x-ses-source-arn",
        "x-smtpapi", "x-tag", "x-track",
    )  # fmt: skip
    assert made.wishes.labels.tags == ("receipt", "shop", "café")
    assert made.wishes.labels.metadata == {"order-id": "17"}
    assert made.recipients == ("ann@example.net", "secret@example.net")


def test_8_bit_and_long_lines_are_encoded_and_read_the_same() -> None:
    """RFC 6152 3: text as quoted-printable, the rest as base64; recipients read what was written."""
    made = written()
    made.set_content("Grüße\r\n" + "lang " * 500 + "\r\n", cte="8bit")
    made.add_alternative("<p>Grüße " + "x" * 3000 + "</p>\r\n", subtype="html", cte="8bit")
    prepared = prepare(made.as_bytes(policy=SMTP))
    assert fits(prepared.body)
    again = read(wire(prepared))
    for kind in ("plain", "html"):
        got, meant = (one.get_body((kind,)).get_content().splitlines() for one in (again, made))  # type: ignore[union-attr]
        assert got == meant


def test_79_raw_8_bit_text_without_a_word_is_utf_8_or_refused() -> None:
    """What can be read is said to be it; what can't is sent back."""
    again = read(wire(prepare(HEAD + b"\r\nGr\xc3\xbc\xc3\x9fe\r\n")))
    assert again.get_content().strip() == "Grüße"
    with pytest.raises(MimeRefused) as refused:
        prepare(HEAD + b"\r\nGr\xfc\xdfe\r\n")
    assert refused.value.code == "mime_charset_unknown"


def test_headers_in_utf_8_become_ascii_where_they_can() -> None:
    """RFC 6532 headers for servers without SMTPUTF8: encoded words, IDNA domains; an address that can't be is left for later."""
    raw = "From: Jö <jo@tea.example.com>\r\nTo: Änn <ann@exämple.net>, jöe@example.net\r\nSubject: Grüße an alle\r\nX-Note: ü\r\n\r\nx\r\n".encode()
    fields = {one.key: one.value for one in prepare(raw).fields}
    assert fields["from"] == b" =?utf-8?B?SsO2?= <jo@tea.example.com>"
    assert fields["subject"].isascii()
    assert fields["x-note"] == b" =?utf-8?B?w7w=?="
    assert "jöe@example.net".encode() in fields["to"]
    assert read(wire(prepare(raw)))["Subject"] == "Grüße an alle"


def test_tracking_happens_only_where_it_is_asked_for() -> None:
    """Links in the HTML get places and targets, the end of its body the pixel; attached and forwarded HTML stays."""
    made = written(X_Track="opens clicks")
    made.set_content("see https://shop.example/\r\n")
    page = '<html><body><a href="https://shop.example/?a=1&amp;b=2">go</a> <a href="mailto:x@y.example">mail</a></body></html>\r\n'
    made.add_alternative(page, subtype="html")
    made.add_attachment(page, subtype="html", filename="page.html")
    forwarded = written()
    forwarded.set_content(page, subtype="html")
    made.add_attachment(forwarded)
    prepared = prepare(made.as_bytes(policy=SMTP))
    assert prepared.links == ("https://shop.example/?a=1&b=2",)
    assert prepared.body.count(b"\0c0;") == prepared.body.count(b"\0o;") == 1
    assert prepared.body.count(b"https://shop.example/") == 3
    assert b"mailto:x@y.example" in prepared.body
    assert prepare(made.as_bytes(policy=SMTP), track=frozenset()).links == ()


def test_signed_parts_are_never_touched() -> None:
    """A PGP or S/MIME signature holds or the message is sent back."""
    inner = b'Content-Type: text/html\r\n\r\n<a href="https://x.example/">x</a>\r\n'
    raw = (
        HEAD + b'X-Track: clicks\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary="s"\r\n\r\n--s\r\n' + inner + b"--s--\r\n"
    )
    assert inner in prepare(raw).body
    with pytest.raises(MimeRefused) as refused:
        prepare(raw.replace(b"html>", b"html>").replace(b">x<", b">\xc3\xbc<"))
    assert refused.value.code == "mime_signed_not_7bit"


@pytest.mark.parametrize(("raw", "code"), [
    (b"", "mime_from_missing"),
    (b"\r\nno header\r\n", "mime_head_malformed"),
    (b"nonsense\r\n\r\nx\r\n", "mime_head_malformed"),
    (b"From a@b Mon\r\n" + HEAD + b"\r\nx\r\n", "mime_head_malformed"),
    (HEAD + b"Subject : x\r\n\r\nx", "mime_head_malformed"),
    (HEAD + b"From: ceo@bank.example\r\n\r\nx", "mime_header_twice"),
    (HEAD + b"X-A: b\x01\r\n\r\nx", "mime_head_malformed"),
    (HEAD + b"\r\nx\0y\r\n", "mime_nul"),
    (HEAD + b"\r\nx\ny\r\n", "mime_line_ends"),
    (HEAD + b"\r\nx\ry\r\n", "mime_line_ends"),
    (b"From: a@b.example, c@d.example\r\n\r\nx", "mime_addresses_malformed"),
    (b"From: all: a@b.example;\r\n\r\nx", "mime_addresses_malformed"),
    (b"From: <@route.example:a@b.example>\r\n\r\nx", "mime_addresses_malformed"),
    (b'From: "open <a@b.example>\r\n\r\nx', "mime_addresses_malformed"),
    (b"From: " + b"(" * 20_000 + b"\r\n\r\nx", "mime_head_malformed"),
    (b"From: a@b.example\r\nTo: " + b"( " * 20_000 + b"\r\n\r\nx", "mime_addresses_malformed"),
    (b"X: y\r\n" * 1_001 + HEAD + b"\r\nx", "mime_head_too_large"),
    (b"X: " + b"y " * 150_000 + b"\r\n" + HEAD + b"\r\nx", "mime_head_too_large"),
    (HEAD + b"Received: x\r\n" * 51 + b"\r\nx", "mime_loop"),
    (HEAD + b"Message-ID: nonsense\r\n\r\nx", "mime_message_id_malformed"),
    (HEAD + b"X-Track: everything\r\n\r\nx", "track_unknown"),
    (HEAD + b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\nx", "mime_malformed"),
])  # fmt: skip
def test_54_57_76_78_what_is_ambiguous_or_broken_is_refused(raw: bytes, code: str) -> None:
    """Each with its code; nothing is guessed."""
    with pytest.raises(MimeRefused) as refused:
        prepare(raw)
    assert refused.value.code == code
    assert refused.value.sentence.endswith((".", ")."))


@pytest.mark.parametrize("header", [b"X-Tag: " + b"x" * 65, b"X-Tag: " + b",".join(b"%d" % n for n in range(11)), b"X-Metadata-A/b: 1"])
def test_wishes_out_of_bounds_are_refused(header: bytes) -> None:
    """Nothing is cut in silence."""
    with pytest.raises(Invalid):
        prepare(HEAD + header + b"\r\n\r\nx\r\n")


def nested(depth: int) -> bytes:
    head = b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n'
    return HEAD + b"".join(head % (n, n) for n in range(depth)) + b"\r\n\xc3\xbc\r\n"


def test_54_55_depth_and_parts_are_bounded() -> None:
    """A thousand levels or parts that would have to be changed are refused at once."""
    for raw in (nested(1_000), HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\n\xc3\xbc\r\n" * 2_000):
        with pytest.raises(MimeRefused) as refused:
            prepare(raw)
        assert refused.value.code == "mime_too_complex"


def test_lines_that_end_with_lf_alone_are_given_crlf() -> None:
    """For interfaces that take text; a mixture is left to be refused."""
    assert with_crlf(b"a\nb\n") == b"a\r\nb\r\n"
    assert with_crlf(b"a\r\nb\n") == b"a\r\nb\n"


@given(
    st.binary(max_size=300),
    st.lists(st.sampled_from([b"\r\n", b"--b\r\n", b"--b--", b"\r\n\r\n", b"Content-Type: text/html\r\n", b"\xff", b"="]), max_size=12),
)
def test_any_bytes_are_taken_or_refused(body: bytes, more: list[bytes]) -> None:
    """No crash; what is taken is 7-bit, has short lines and no line end alone."""
    raw = (
        HEAD + b'X-Track: opens clicks\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n' + body + b"".join(more)
    )
    try:
        made = prepare(raw)
    except (MimeRefused, Invalid):
        return
    assert fits(made.body)
    assert b"\n" not in made.body.replace(b"\r\n", b"")
