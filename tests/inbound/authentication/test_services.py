"""DKIM and ARC are checked with the keys that DNS names; DNS and a flood take only so much of the time; the token decides all the same."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

import dkim
import letters
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from desk import Desk
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from world import World

from posthouse.inbound.authentication.cards import Result
from posthouse.inbound.authentication.lookups import AWAY_AFTER, AWAY_SECONDS, Lookups
from posthouse.inbound.authentication.services import BUSY, WINDOW_SECONDS, Examiner
from posthouse.inbound.mailroom import queries
from posthouse.inbound.mailroom.sort import Mailroom
from posthouse.inbound.spool.files import Envelope
from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.sending.domains.rules import Answer

_KEY = rsa.generate_private_key(65537, 2048)
PRIVATE = _KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
PUBLIC = base64.b64encode(_KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
MAIL = b"From: mx@mx.example\r\nTo: x@mail.example\r\nSubject: Hello\r\nMessage-ID: <1@mx.example>\r\nDate: Wed, 25 Nov 2026 10:00:00 +0000\r\n\r\nHi\r\n"


class Names:
    """DNS for tests; `asked` counts."""

    def __init__(self, *, away: bool = False) -> None:
        self.asked, self.away = 0, away

    def ask(self, name: str, type_: str) -> Answer:
        self.asked += 1
        if self.away:
            return Answer(failed=True)
        known = {
            ("s._domainkey.mx.example", "TXT"): "v=DKIM1; k=rsa; p=" + PUBLIC.decode(),
            ("mx.example", "TXT"): "v=spf1 ip4:192.0.2.1 -all",
        }
        return Answer((known[name, type_],)) if (name, type_) in known else Answer()


def _signed(mail: bytes = MAIL) -> bytes:
    made: bytes = dkim.sign(mail, b"s", b"mx.example", PRIVATE, include_headers=[b"from", b"subject"])
    return made + mail


def _envelope(sender: str = "") -> Envelope:
    return Envelope(sender, ("x@mail.example",), "192.0.2.1", "mx.example", "esmtps", datetime(2026, 11, 25, tzinfo=UTC))


def _found(content: bytes, names: Names | None = None) -> dict[str, Result]:
    return {one.method: one.result for one in Examiner(Lookups(names or Names())).examine(_envelope(), content)}


def test_a_signed_report_passes_and_an_altered_one_fails() -> None:
    """SPF by the greeting, DKIM by the key."""
    assert _found(_signed()) == {"spf": Result.PASS, "dkim": Result.PASS}
    assert _found(_signed().replace(b"Hi", b"Ho"))["dkim"] is not Result.PASS
    assert _found(MAIL)["dkim"] is Result.NONE


def test_a_signature_without_its_key_in_dns_does_not_pass() -> None:
    """A key that is not there, and a name server that is away, are two things."""
    assert _found(_signed().replace(b"s=s;", b"s=t;"))["dkim"] in (Result.FAIL, Result.PERMANENT)
    assert _found(_signed(), Names(away=True)) == {"spf": Result.TEMPORARY, "dkim": Result.TEMPORARY}


def _signature(*lines: str) -> str:
    """Sign header lines in relaxed form (RFC 6376 3.4.2); these here have no folds and single blanks."""
    canonical = "\r\n".join(f"{name.lower()}:{value.strip()}" for name, _, value in (line.partition(":") for line in lines))
    return base64.b64encode(_KEY.sign(canonical.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def _sealed(mail: bytes) -> bytes:
    """Add the first set of an ARC chain (RFC 8617 5.1)."""
    hashed = base64.b64encode(hashlib.sha256(b"Hi\r\n").digest()).decode()
    results = "ARC-Authentication-Results: i=1; mx.example; dkim=pass"
    signature = f"ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=mx.example; s=s; h=from:subject; bh={hashed}; b="
    signature += _signature("From: mx@mx.example", "Subject: Hello", signature)
    seal = "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=mx.example; s=s; t=1795600000; b="
    seal += _signature(results, signature, seal)
    return f"{seal}\r\n{signature}\r\n{results}\r\n".encode() + mail


def test_a_chain_of_seals_is_checked() -> None:
    """RFC 8617: what a forwarder saw, under its seal."""
    assert _found(_sealed(MAIL))["arc"] is Result.PASS
    assert _found(_sealed(MAIL).replace(b"Hi", b"Ho"))["arc"] is Result.FAIL
    assert "arc" not in _found(MAIL)


def test_an_answer_is_kept_and_a_name_server_that_is_away_left_alone() -> None:
    """It is asked again after a while."""
    names = Names(away=True)
    lookups = Lookups(names)
    for number in range(AWAY_AFTER + 5):
        assert lookups.ask(f"{number}.example", "TXT", clock.monotonic() + 9).failed
    assert names.asked == AWAY_AFTER
    names.away = False
    lookups._away_until -= AWAY_SECONDS
    for _ in range(3):
        assert lookups.ask("mx.example", "TXT", clock.monotonic() + 9).values
    assert names.asked == AWAY_AFTER + 1
    assert lookups.ask("other.example", "TXT", clock.monotonic() - 1).failed


def test_a_flood_is_sorted_unexamined() -> None:
    """Examining takes its share of the time and no more."""
    examiner = Examiner(Lookups(Names()))
    examiner._spent = WINDOW_SECONDS
    assert examiner.examine(_envelope(), MAIL) == BUSY


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300))
def test_no_bytes_break_it(tail: bytes) -> None:
    """A stranger's signature may be anything."""
    for head in (b"DKIM-Signature: ", b"ARC-Seal: i=1; ", b"DKIM-Signature: v=1; a=rsa-sha256; d=mx.example; s=s; h=from; bh=x; b="):
        assert _found(head + tail + b"\r\n" + MAIL)


@pytest.fixture
def desk(app: Flask, world: World) -> Desk:
    del app
    return Desk(world)


def test_the_checks_are_kept_and_the_token_decides_alone(desk: Desk) -> None:
    """A genuine token with no proof has its effect; what proves its sender without a token has none and asks nobody."""
    names = Names()
    desk.mailroom = Mailroom(desk.mint, examiner=Examiner(Lookups(names)))
    desk.hand_in(_signed(letters.dsn()), "abuse@mail.example")
    assert (names.asked, len(desk.unmatched())) == (0, 1)
    sent = desk.send(desk.world.a1)
    desk.hand_in(letters.dsn(token=sent.token), f"{sent.token}@mail.example")
    assert desk.marks(sent)[0] is True
    with transaction(desk.world.a1.scope) as live:
        mail_id = live.execute(sa.text("SELECT id FROM inbound_mail")).scalar_one()
        shown = queries.get_mail(desk.world.a1.scope, mail_id=mail_id)
    assert {one.method: one.result for one in shown.checks} == {"spf": "none", "dkim": "none"}
