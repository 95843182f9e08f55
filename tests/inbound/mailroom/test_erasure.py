"""Mail that came back from an erased person keeps what it did and loses what it said, also where it comes late."""

from __future__ import annotations

import letters
import pytest
from news import pass_on

from posthouse.inbound.mailroom import erasure, queries
from posthouse.inbound.mailroom.sort import Outcome
from posthouse.platform.db import transaction
from posthouse.sending.messages.events import MessagesForgotten
from posthouse.tenants.contacts import services as contacts

KEPT = "SELECT kind, effect, size_bytes > 0, sender || author || subject || peer, raw, understood FROM inbound_mail ORDER BY id"
BLANK = ("", b"", {})


@pytest.fixture
def ann(world):
    with transaction(world.a1.scope):
        return contacts.create(world.a1.scope, email="ann@example.net", source="page").id


def _bounce(desk, sent, who="ann@example.net"):
    raw = letters.dsn(token=sent.token).replace(b"ann@example.net", who.encode())
    return desk.hand_in(raw, f"{sent.token}@mail.example", sender=who)


def _erase(world, ann, settings):
    with transaction(world.a1.scope):
        contacts.erase(world.a1.scope, contact_id=ann)
    for _ in range(2):  # the second round is of the news that the first one made
        pass_on(settings)


def test_kept_mail_loses_its_words(desk, world, ann, settings) -> None:
    """What others got back, and other tenants, is as it was; once more changes nothing; the page still shows it."""
    sent, bobs, foreign = desk.send(world.a1), desk.send(world.a1, "bob@example.net"), desk.send(world.a2)
    for one, who in ((sent, "ann@example.net"), (bobs, "bob@example.net"), (foreign, "ann@example.net")):
        _bounce(desk, one, who)
    before = desk.ask(world.a1, KEPT)[1], desk.ask(world.a2, KEPT)
    _erase(world, ann, settings)
    for _ in range(2):
        assert desk.ask(world.a1, KEPT) == [("bounce", "bounced", True, *BLANK), before[0]]
        erasure.forget_mail(world.a1.scope, MessagesForgotten(message_ids=[sent.id]))
    erasure.forget_mail(world.a1.scope, MessagesForgotten(message_ids=[foreign.id]))
    assert desk.ask(world.a2, KEPT) == before[1]
    with transaction(world.a1.scope):
        (_, card) = queries.list_mail(world.a1.scope).cards
        assert queries.get_mail(world.a1.scope, mail_id=card.id).raw == ""


@pytest.mark.parametrize("what", ["bounce", "complaint", "unsubscribe"])
def test_mail_that_comes_late_is_counted_and_not_kept(desk, world, ann, settings, what) -> None:
    """It is sorted as ever, and neither its words nor a readable address stay."""
    sent = desk.send(world.a1, contact_id=ann)
    _erase(world, ann, settings)
    mail = {
        "bounce": lambda: _bounce(desk, sent),
        "complaint": lambda: desk.hand_in(letters.arf(token=sent.token), f"fbl-{sent.token}@mail.example"),
        "unsubscribe": lambda: desk.hand_in(b"From: ann@example.net\r\nSubject: unsubscribe\r\n\r\n", f"u-{sent.token}@mail.example"),
    }
    assert mail[what]() is Outcome.SORTED
    effect = {"bounce": "bounced", "complaint": "complained", "unsubscribe": "unsubscribed"}[what]
    assert [(row[1], *row[3:]) for row in desk.ask(world.a1, KEPT)] == [(effect, *BLANK)]
    assert [reason for _, reason, _ in desk.suppressed(world.a1)] == ["erasure"]
    assert desk.ask(world.a1, "SELECT text FROM message_event WHERE text <> ''") == []


def test_other_mail_that_names_the_person_loses_its_words(desk, world, ann, settings) -> None:
    """Written by them about somebody else's message: what it did stays, and another tenant's is not touched."""
    bobs, foreign = desk.send(world.a1, "bob@example.net"), desk.send(world.a2, "bob@example.net")
    for one in (bobs, foreign):
        _bounce(desk, one)
    before = desk.ask(world.a2, KEPT)
    _erase(world, ann, settings)
    assert (desk.ask(world.a1, KEPT), desk.ask(world.a2, KEPT)) == ([("bounce", "bounced", True, *BLANK)], before)
