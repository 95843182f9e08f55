"""Any bytes are read: nothing is raised, nothing takes long or much memory, and the form of line ends changes nothing."""

from __future__ import annotations

import base64
import gzip
import io
import zipfile

import domain_reports
import mutating
import own_mails
import pytest

COUNT = 600
SEED = 2_028


def test_row_54_to_65_mutated_mail_keeps_every_promise() -> None:
    """A few hundred, the same in each run; `./dev fuzz` reads as many as one likes."""
    found = [f"seed {SEED}, number {fault.number}: {fault.what}" for fault in mutating.run(own_mails.all_of_them(), count=COUNT, seed=SEED)]
    assert found == []


@pytest.mark.parametrize("number", range(0, len(own_mails.all_of_them()), 9))
def test_the_form_of_line_ends_changes_nothing(number: int) -> None:
    """CRLF, LF and bare CR."""
    assert not mutating.line_forms_differ(own_mails.all_of_them()[number])


def _nested(depth: int) -> bytes:
    return b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(depth)) + b"\nx"


def _enclosed(depth: int) -> bytes:
    return b"Content-Type: message/rfc822\n\n" * depth + b"Subject: x\n\nx"


def _zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("r.xml", b"\0" * 200_000_000)
    return out.getvalue()


def _dsn(blocks: bytes) -> bytes:
    return (
        b"From: MAILER-DAEMON@mx.example\nSubject: failed\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\n\n"
        b"--x\n\nSorry.\n--x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n" + blocks + b"\n--x--\n"
    )


def _in_mail(entities: bytes) -> bytes:
    return b'Content-Type: text/xml; name="r.xml"\n\n' + entities


BOMBS = {
    "10,000 parts inside each other": lambda: _nested(10_000),
    "10,000 mails inside each other": lambda: _enclosed(10_000),
    "200,000 empty parts": lambda: b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\n" * 200_000,
    "a million lines like a boundary": lambda: b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--xy\n" * 1_000_000,
    "a boundary of 70,000 letters": lambda: b"Content-Type: multipart/mixed; boundary=" + b"x" * 70_000 + b"\n\n--" + b"x" * 70_000,
    "a gzip of 1 GB": lambda: domain_reports.mail(gzip.compress(gzip.compress(b"\0" * 200_000_000, 9), 9)),
    "a zip of 200 MB": lambda: domain_reports.mail(_zip_bomb(), "application/zip"),
    "entities that grow": lambda: _in_mail(
        b"<?xml version='1.0'?><!DOCTYPE f [<!ENTITY a 'aaaaaaaaaa'>"
        + b"".join(b"<!ENTITY %c '&%c;&%c;&%c;&%c;&%c;'>" % (98 + n, *[97 + n] * 5) for n in range(20))
        + b"]><feedback>&u;</feedback>"
    ),
    "an entity from outside": lambda: _in_mail(b"<!DOCTYPE f [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><feedback>&a;</feedback>"),
    "a million elements": lambda: _in_mail(b"<feedback>" + b"<record>" * 1_000_000),
    "a line of 30 MB": lambda: b"Subject: x\n\n" + b"a" * 30_000_000,
    "a header line of 30 MB": lambda: b"Subject: " + b"a" * 30_000_000,
    "a million headers": lambda: b"X-A: b\n" * 1_000_000 + b"\nx",
    "a header folded a million times": lambda: b"Subject: a\n" + b" b\n" * 1_000_000 + b"\nx",
    "a type with 20,000 continued parameters": lambda: b"Content-Type: text/plain" + b"".join(b"; a*%d=x" % n for n in range(20_000)),
    "20,000 brackets": lambda: b"To: " + b"(" * 20_000 + b"\nFrom: " + b"<" * 20_000 + b"\n\nx",
    "20,000 encoded words": lambda: b"Subject: " + b"=?utf-8?q?=20?= " * 20_000 + b"\n\nx",
    "10,000 recipients": lambda: _dsn(
        b"".join(b"Final-Recipient: rfc822; r%d@b.example\nAction: failed\nStatus: 5.1.1\n\n" % n for n in range(10_000))
    ),
    "a diagnostic of 10 MB": lambda: _dsn(
        b"Final-Recipient: rfc822; a@b.example\nAction: failed\nDiagnostic-Code: smtp; " + b"550 5.1.1 " * 1_000_000
    ),
    "30 MB of base64": lambda: b"Content-Transfer-Encoding: base64\n\n" + base64.b64encode(b"x" * 20_000_000),
    "quoted-printable of = alone": lambda: b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=" * 5_000_000,
    "HTML of opened tags": lambda: b"From: mailer-daemon@x\nContent-Type: text/html\n\n" + b"<a " * 1_000_000,
    "quotes within quotes": lambda: b"From: mailer-daemon@x\nSubject: undeliverable\n\n" + b"> " * 1_000_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_row_54_to_63_a_bomb_takes_neither_time_nor_memory(name: str) -> None:
    """At most a second each (three here: the machine may be busy) and 200 MB."""
    data = BOMBS[name]()
    what = mutating.examine(data, seconds=3 * mutating.SECONDS)
    assert what is None


@pytest.mark.parametrize(
    "charset", ["idna", "utf-7", "x" * 10_000, "hex", "rot13", "unicode_escape", "undefined", "punycode", "utf-8\0", "base64"]
)
def test_a_charset_of_no_use_is_no_trouble(charset: str) -> None:
    """The bytes are kept, the words are read as far as they go."""
    mail = f'From: a@b.example\nContent-Type: text/plain; charset="{charset}"\nSubject: =?{charset}?q?=41=ff?=\n\nHello \xe9 +AGE-\n'
    assert mutating.examine(mail.encode("latin-1")) is None
