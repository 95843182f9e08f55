"""Copies of ready-made messages: one token each, signed so that dkimpy verifies it, dots doubled, nothing of ours shown."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from datetime import UTC, datetime

import dkim
import pytest

from posthouse.platform.secrets import Keyring
from posthouse.sending.content.cards import Composed, MessageCard
from posthouse.sending.content.compose import Sender
from posthouse.sending.dkim.keys import make_rsa_key
from posthouse.sending.dkim.signer import Signer
from posthouse.sending.mime.composing import KEPT_IN_MEMORY, MimeComposer
from posthouse.sending.mime.preparing import prepare
from posthouse.sending.tokens import Mint, TokenClaims, read_address

MINT = Mint(Keyring({1: b"k" * 32}, 1))
KEY = make_rsa_key()
AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
SENDER = Sender(
    tenant_id=7, from_name="", from_address="jo@tea.example.com", bounce_host="b.tea.example.com", link_base="https://t.tea.example.com",
    feedback=("single", "7", "transactional"), sender_id="abcdef",
)  # fmt: skip
HEAD = b"From: Jo <jo@tea.example.com>\r\nTo: Ann  <ann@example.net>\r\nSubject: folded\r\n\tvalue \r\n"


def compose(raw: bytes, to: str = "ann@example.net", **track: frozenset[str]) -> Composed:
    made = prepare(raw, **track)
    signer = Signer(domain="tea.example.com", selector="s1", private_der=KEY.private_der)
    composer = MimeComposer(made.fields, made.body, SENDER, revision_id=36, mint=MINT, signers=[signer])
    return composer.compose(MessageCard(message_id=5, recipient=to, at=AT))


def arrived(made: Composed) -> bytes:
    """What the receiving server keeps: dots undone."""
    return re.sub(rb"(?m)^\.\.", b".", made.data)


def verified(data: bytes) -> bool:
    return dkim.verify(data, dnsfunc=lambda *_a, **_k: KEY.record.encode(), minkey=1024)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"Hello  \t there \r\n.\r\n..two\r\n\r\n\r\n",
        b"no end",
        b"x" * 998 + b"\r\n",
        b"  leading\r\n" * 3,
        b".\r\n" * KEPT_IN_MEMORY,
    ],
    ids=["empty", "blank", "dots", "cut", "long", "blanks", "on-disk"],
)
def test_every_body_is_signed_as_it_arrives(body: bytes) -> None:
    """dkimpy verifies it; the text is the program's own."""
    made = compose(HEAD + b"\r\n" + body)
    data = arrived(made)
    assert verified(data)
    assert not verified(data.replace(b"Subject: folded", b"Subject: other"))
    assert data.partition(b"\r\n\r\n")[2] == (body if not body or body.endswith(b"\r\n") else body + b"\r\n")
    assert made.size == len(made.data)
    assert b"\r\n.\r\n" not in made.data


def test_the_token_stands_where_mail_comes_back() -> None:
    """Return path, Message-ID where there was none, complaint address: each names tenant and message."""
    made = compose(HEAD + b"\r\nx\r\n")
    read = email.message_from_bytes(made.data, policy=email.policy.default)
    locals_ = [made.return_path.partition("@")[0], read["Message-ID"][1:].partition("@")[0], read["CFBL-Address"].partition("@")[0]]
    claims = [read_address(MINT, local) for local in locals_]
    assert {found.claims for found in claims if found} == {TokenClaims(7, 5)}
    assert all(claims)
    assert read["Date"] == "Wed, 25 Nov 2026 12:00:00 +0000"


def test_what_the_program_set_is_kept() -> None:
    """Its Message-ID, so that answers find it, and its Date; the token is in a header beside."""
    made = compose(HEAD + b"Message-ID: <order-1@tea.example.com>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nx\r\n")
    read = email.message_from_bytes(made.data)
    assert read.get_all("Message-ID") == ["<order-1@tea.example.com>"]
    assert read.get_all("Date") == ["Mon, 1 Jan 2024 00:00:00 +0000"]
    assert read_address(MINT, read["CFBL-Feedback-ID"])
    assert verified(made.data)


def test_answers_come_to_us_where_the_tenant_wants_it() -> None:
    """An address that names the message, unless the program gave its own Reply-To."""
    for own, meant in ((b"", None), (b"Reply-To: help@tea.example.com\r\n", "help@tea.example.com")):
        made = prepare(HEAD + own + b"\r\nx\r\n")
        composer = MimeComposer(made.fields, made.body, replace(SENDER, takes_replies=True), revision_id=36, mint=MINT)
        read = email.message_from_bytes(composer.compose(MessageCard(message_id=5, recipient="ann@example.net", at=AT)).data)
        found = read_address(MINT, read["Reply-To"].partition("@")[0])
        assert read.get_all("Reply-To") == [meant or read["Reply-To"]]
        assert (found.kind if found else None) == (None if meant else "reply")


def test_links_and_pixel_carry_the_recipients_token() -> None:
    """The bytes around are the same, the signature holds, and the HTML reads as it should."""
    raw = HEAD + b'MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<body>\r\n<a href="https://x.example/">.x</a>\r\n</body>\r\n'
    made = compose(raw, track=frozenset({"opens", "clicks"}))
    assert verified(arrived(made))
    page = email.message_from_bytes(arrived(made), policy=email.policy.default).get_content()  # type: ignore[attr-defined]
    token = MINT.mint(7, 5).url
    assert f'<a href="https://t.tea.example.com/t/c/{token}/10-0">.x</a>' in page
    assert f'src="https://t.tea.example.com/t/o/{token}"' in page
    assert b"\0" not in made.data


def test_an_address_in_utf_8_is_sent_or_shown_in_ascii() -> None:
    """Who has such an address gets it as it is (SMTPUTF8); for others it becomes a group (RFC 6857)."""
    raw = "From: jo@tea.example.com\r\nTo: jöe@example.net, ann@example.net\r\nSubject: x\r\n\r\nx\r\n".encode()
    own, other = compose(raw, "jöe@example.net"), compose(raw)
    assert own.smtputf8
    assert "jöe@example.net".encode() in own.data
    assert other.data.isascii()
    assert b":;,\r\n ann@example.net" in other.data
    assert verified(own.data)
    assert verified(other.data)


def test_a_message_without_addressees_says_so() -> None:
    """Only the envelope names them."""
    assert b"\r\nTo: undisclosed-recipients:;\r\n" in compose(b"From: jo@tea.example.com\r\nSubject: x\r\n\r\nx\r\n").data


def test_nothing_names_the_product() -> None:
    """White label."""
    assert b"posthouse" not in compose(HEAD + b"\r\nx\r\n").data.lower()
