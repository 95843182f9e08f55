"""H3: only a listed source that proves itself makes a complaint count toward a stop."""

from datetime import UTC, datetime

import pytest

from posthouse.inbound.authentication.cards import Check, Result
from posthouse.inbound.authentication.sources import Sources, of_house, shipped
from posthouse.inbound.spool.files import Envelope
from posthouse.platform.setting_rules import MAIL_SOURCES

LISTED = Sources(frozenset({"fbl.big.example", "staff@mailboxes.example"}))
PASS = Result.PASS


def _envelope(way="esmtps", peer="192.0.2.1"):
    return Envelope("", ("fbl-x@mail.example",), peer, "mx.big.example", way, datetime(2026, 11, 25, tzinfo=UTC))


@pytest.mark.parametrize(
    ("author", "checks", "listed"),
    [
        ("Complaints <fbl@fbl.big.example>", [Check("dkim", PASS, "fbl.big.example")], True),
        ("fbl@eu.fbl.big.example", [Check("dkim", PASS, "big.example")], True),
        ("fbl@fbl.big.example", [Check("spf", PASS, "fbl.big.example")], True),
        ("STAFF@Mailboxes.Example", [Check("dkim", PASS, "mailboxes.example")], True),
        ("fbl@fbl.big.example", [], False),
        ("fbl@fbl.big.example", [Check("dkim", Result.FAIL, "fbl.big.example"), Check("spf", Result.SOFT_FAIL, "fbl.big.example")], False),
        ("fbl@fbl.big.example", [Check("dkim", Result.NOT_CHECKED, "", "too much mail came at once")], False),
        ("fbl@fbl.big.example", [Check("dkim", PASS, "forger.example"), Check("spf", PASS, "forger.example")], False),
        ("fbl@fbl.big.example", [Check("dkim", PASS, "example")], False),
        ("fbl@fbl.big.example", [Check("arc", PASS, "fbl.big.example")], False),
        ("somebody@mailboxes.example", [Check("dkim", PASS, "mailboxes.example")], False),
        ("fbl@fbl.big.example.forger.example", [Check("dkim", PASS, "fbl.big.example.forger.example")], False),
        ("fbl@forgerfbl.big.example", [Check("dkim", PASS, "forgerfbl.big.example")], False),
        ("a@forger.example, fbl@fbl.big.example", [Check("dkim", PASS, "fbl.big.example")], False),
        ("fbl@fbl.big.example <a@forger.example>", [Check("dkim", PASS, "fbl.big.example")], False),
        ("", [Check("dkim", PASS, "fbl.big.example")], False),
    ],
)
def test_h3_a_listed_author_whose_own_domain_proves_it(author, checks, listed):
    """Another's signature, a parent's mailbox holder, a look-alike and two authors prove nothing."""
    assert LISTED.lists(_envelope(), author, checks) is listed


def test_h3_a_providers_proven_post_counts():
    """It was verified by the provider's own method."""
    assert Sources(frozenset()).lists(_envelope("hook", "postmark"), "postmark", [])


@pytest.mark.parametrize(
    ("peer", "listed"),
    [("192.0.2.1", True), ("::ffff:192.0.2.1", True), ("192.0.3.1", False), ("2001:db8::7", True), ("", False), ("front", False)],
)
def test_networks_of_the_operators_own(peer, listed):
    """By the connection's other end."""
    assert of_house("192.0.2.0/24, 2001:db8::/64").lists(_envelope(peer=peer), "anybody@example.org", []) is listed


def test_the_setting_adds_to_what_ships():
    """Nothing that ships is lost, nothing that ships is a whole mailbox provider's domain."""
    made = of_house("FBL.Own.example,box@own.example")
    assert made.names == shipped() | {"fbl.own.example", "box@own.example"}
    assert not shipped() & {"yahoo.com", "hotmail.com", "outlook.com", "gmail.com", "mail.ru", "yandex.ru", "aol.com", "icloud.com"}


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("", True),
        ("fbl.x.example, a@x.example,192.0.2.0/24,::1", True),
        ("x", False),
        ("@x.example", False),
        ("a b@x.example", False),
        ("1.2.3.4/99", False),
    ],
)
def test_the_settings_form(value, fits):
    """What is none of the four is refused at the start."""
    assert MAIL_SOURCES.fits(value) is fits
