"""Whatever strangers write, the message that forwards it can be made, and its head is ours alone."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.inbound.threads import forwarding
from posthouse.inbound.threads.forwarding import MARK, Envelope
from posthouse.inbound.threads.rules import read_answer
from posthouse.sending.mime.preparing import prepare
from posthouse.sending.mime.refusals import MimeRefused

TO = Envelope(
    writer_name="Tea",
    writer_address="shop@tea.example.com",
    to="team@tea.example.com",
    message_id="<eml_1@tea.example.com>",
    mark="0" * 32,
    at=datetime(2026, 11, 25, tzinfo=UTC),
)
_LINES = st.lists(
    st.sampled_from(
        [
            b"From: Ann <ann@example.net>", b"From: \xff\xfe <a@b.example>", b"Reply-To: <x\xe9@b.example>, y@c.example", b"Subject: =?utf-8?B?8J+YgA==?=",
            b"Subject: a\xc2\x85b\xe2\x80\xa8c", b"Content-Type: multipart/mixed; boundary=x", b"Content-Type: text/html; charset=\"no such\"",
            b"Content-Transfer-Encoding: base64", b"Bcc: eve@evil.example", b"Received: x", b" folded", b"References: <1@a.example> <2", b"Message-ID: <3@a>",
            b"Sender: boss@bank.example", b"X-Forwarded-Answer: 1", b"no header", b"--x", b"--x--", b"", b".", b"\x00", b"From evil", b"\xff\xfe",
        ]
    ),
    max_size=12,
)  # fmt: skip


@given(st.one_of(st.binary(max_size=300), st.tuples(_LINES, st.sampled_from([b"\r\n", b"\n", b"\r"])).map(lambda two: two[1].join(two[0]))))
def test_anything_is_forwarded_under_our_head(raw: bytes) -> None:
    """Whole, or in words; either is taken by the same door as any message, or refused in order; no second sender, no hidden recipient."""
    answer = read_answer(raw)
    for made in (forwarding.whole(raw, answer, TO), forwarding.words(answer, TO)):
        if made is None:
            continue
        try:
            prepared = prepare(made)
        except MimeRefused:
            continue
        assert prepared.from_address == "shop@tea.example.com"
        assert prepared.recipients == ("team@tea.example.com",)
        assert prepared.sender is None
        assert [one.key for one in prepared.fields].count(MARK.lower()) == 1


@pytest.mark.parametrize(
    ("author", "shown"),
    [
        ("Ann <ann@example.net>", "Ann via Tea"),
        ("ann@example.net", "ann via Tea"),
        ('"Ann, \\"A\\"" <ann@example.net>', "Ann, A via Tea"),
        ('"boss@bank.example Boss" <ann@example.net>', "Boss via Tea"),
        ("=?utf-8?B?w4Vzbw==?= <ann@example.net>", "Åso via Tea"),
        ("", "Tea"),
        ("nobody at all", "nobody at all via Tea"),
    ],
)
def test_the_person_is_named_before_the_tenants_address(author: str, shown: str) -> None:
    """Never with an address in the name."""
    raw = f"From: {author}\r\nSubject: x\r\n\r\nx\r\n".encode()
    made = message_from_bytes(forwarding.words(read_answer(raw), TO), policy=policy.default)
    assert made["From"].addresses[0].display_name == shown
    assert made["From"].addresses[0].addr_spec == "shop@tea.example.com"
