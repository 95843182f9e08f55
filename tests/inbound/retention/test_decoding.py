"""Every address that the erasure's pattern would find is found, beneath encodings too."""

from __future__ import annotations

import base64
import gzip
import re
from email.header import Header
from email.message import EmailMessage

import pytest

from posthouse.inbound.retention.decoding import ENCODED, named_in, named_in_mail, named_in_post
from posthouse.inbound.retention.rules import naming_pattern

WHO = "e.x+y@shop.example"


def _mail(body: bytes, encoding: str, kind: str = "text/plain; charset=utf-8") -> bytes:
    return b"From: a@b.example\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n%s\r\n" % (
        kind.encode(),
        encoding.encode(),
        body,
    )


def _forwarded() -> bytes:
    inner = EmailMessage()
    inner["To"] = WHO
    inner.set_content(f"Dear {WHO} ü", cte="base64")
    outer = EmailMessage()
    outer.set_content("see below")
    outer.add_attachment(inner)
    return bytes(outer)


ENCODINGS = {
    "base64": _mail(base64.encodebytes(f"Dear <{WHO}>,".encode()), "Base64"),
    "utf-16": _mail(base64.encodebytes(f"Dear {WHO}.".encode("utf-16")), "base64", "text/plain; charset=utf-16"),
    "quoted": _mail(b"Dear e.x=2By@sho=\r\np.example!", "quoted-printable"),
    "header": f"From: a@b.example\r\nSubject: {Header(f'über {WHO}', 'utf-8').encode()}\r\n\r\nx\r\n".encode(),
    "packed": _mail(base64.encodebytes(gzip.compress(WHO.encode())), "base64", "application/gzip"),
    "forwarded": _forwarded(),
}


@pytest.mark.parametrize("how", ENCODINGS)
def test_beneath_an_encoding(how: str) -> None:
    """Such mail is known by what its bytes say of the encoding, and its plain bytes alone don't name the person."""
    raw = ENCODINGS[how]
    assert WHO in named_in_mail(raw)
    assert re.search(ENCODED, raw.decode("latin-1").lower())
    assert how == "forwarded" or WHO not in named_in_mail(raw, encoded=False)


@pytest.mark.parametrize("post", [b'{"email":"%s"}' % WHO.encode(), b"x=1&to=e.x%2By%40shop.example&b", b"b,1,o,%s,5.1.1\n" % WHO.encode()])
def test_in_a_post(post: bytes) -> None:
    assert WHO in named_in_post(post)


TEXTS = (
    "{}", "<{}>", "x {}.", "mailto:{}?a", '{{"email":"{}"}}', r'"Dear\n{}"', r"\303{}", r"\u003c{}", "q=%3c{}&c", "rfc822;{}", "a='{}'", "»{}«",
    "j{}", "a-{}", "d.{}", "{}.org", "{}s", "x%3{}", "{}-", "ü{}", "{}ü", "まで{}まで",
)  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_what_the_pattern_finds_is_found(text: str) -> None:
    """And nobody else: an address that merely ends or begins like it is another's, whom the pattern doesn't name either."""
    words = text.format(WHO)
    if re.search(naming_pattern(WHO), words, re.ASCII):
        assert WHO in named_in(words)
    elif "ü" not in words:
        assert WHO not in named_in(words)


def test_a_text_of_marks_alone_ends_soon() -> None:
    assert named_in("@" * 1_000_000) == set()
    assert len(named_in("a@b.c " * 200_000)) == 1
