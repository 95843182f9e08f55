"""Mail finds its tenant by its token alone, has its effect once, and forged mail has none."""

from __future__ import annotations

from datetime import timedelta

import letters
import pytest

from posthouse.inbound.authentication.sources import of_house
from posthouse.inbound.mailroom.sort import Outcome
from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.sending.messages.queries import list_messages
from posthouse.sending.standing.queries import grade
from posthouse.sending.standing.rules import Grade
from posthouse.sending.standing.services import count
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.lists import services as lists

BOUNCED = (True, "userunknown", True, False)
UNTOUCHED = (False, None, False, False)


def _bounce(desk, sent, **more):
    return desk.hand_in(letters.dsn(token=sent.token, **more), f"{sent.token}@mail.example")


def test_a_hard_bounce_marks_the_message_and_suppresses_the_address(desk) -> None:
    """The tenant of the token, and no other, sees and feels it."""
    sent = desk.send(desk.world.a1)
    assert _bounce(desk, sent) is Outcome.SORTED
    assert desk.marks(sent) == BOUNCED
    assert desk.suppressed(desk.world.a1) == [("ann@example.net", "hard_bounce", "tenant")]
    assert desk.mail(desk.world.a1) == [("bounce", "bounced", sent.id)]
    for other in (desk.world.a2, desk.world.b1, desk.world.b2):
        assert (desk.mail(other), desk.suppressed(other)) == ([], [])


def test_row_50_the_same_bounce_a_thousand_times_is_one_event(desk) -> None:
    """A repeated mail is known by its fingerprint; a rewritten one by the mark at the message."""
    sent = desk.send(desk.world.a1)
    assert _bounce(desk, sent) is Outcome.SORTED
    assert {_bounce(desk, sent) for _ in range(20)} == {Outcome.REPEATED}
    other = letters.dsn(token=sent.token).replace(b"I am sorry", b"I am very sorry")
    assert desk.hand_in(other, f"{sent.token}@mail.example") is Outcome.SORTED
    assert [effect for _, effect, _ in desk.mail(desk.world.a1)] == ["bounced", "repeated"]
    assert desk.ask(desk.world.a1, "SELECT count(*) FROM message_event WHERE kind = 'bounced'") == [(1,)]


def test_a_delay_changes_no_mark(desk) -> None:
    """RFC 3464: delayed is not failed."""
    sent = desk.send(desk.world.a1)
    _bounce(desk, sent, action="delayed")
    assert (desk.marks(sent), desk.suppressed(desk.world.a1)) == (UNTOUCHED, [])


def test_h1_a_bounce_after_fourteen_days_has_no_effect(desk) -> None:
    """It is kept and visible, and suppresses nobody."""
    sent = desk.send(desk.world.a1, ago=timedelta(days=15))
    _bounce(desk, sent)
    assert (desk.marks(sent), desk.suppressed(desk.world.a1)) == (UNTOUCHED, [])
    assert desk.mail(desk.world.a1) == [("bounce", "late", sent.id)]


def test_row_60_a_foreign_final_recipient_changes_nobody_else(desk) -> None:
    """The token decides the message; the text gives the reason only."""
    sent = desk.send(desk.world.a1)
    _bounce(desk, sent, recipient="victim@example.org")
    assert desk.marks(sent) == BOUNCED
    assert desk.suppressed(desk.world.a1) == [("ann@example.net", "hard_bounce", "tenant")]


def test_of_two_recipients_the_one_of_the_message_counts(desk) -> None:
    """A report about an alias names others too."""
    sent = desk.send(desk.world.a1)
    desk.hand_in(letters.qmail(sent.token), f"{sent.token}@mail.example")
    assert desk.marks(sent) == (True, "mailboxfull", False, False)
    assert desk.suppressed(desk.world.a1) == []


def test_the_original_names_the_message_where_the_address_does_not(desk) -> None:
    """A report to postmaster@ is still given to its tenant."""
    sent = desk.send(desk.world.b1)
    assert desk.hand_in(letters.dsn(to="x@mail.example", token=sent.token), "postmaster@mail.example") is Outcome.SORTED
    assert desk.marks(sent) == BOUNCED


def test_row_49_a_token_in_capitals_is_read(desk) -> None:
    """Hosts fold case."""
    sent = desk.send(desk.world.a1)
    desk.hand_in(letters.dsn(token=sent.token), f"{sent.token.upper()}@MAIL.EXAMPLE")
    assert desk.marks(sent) == BOUNCED


@pytest.mark.parametrize(("recipient", "why"), [("postmaster@mail.example", "forged"), ("abuse@mail.example", "forged")])
def test_h1_a_forged_token_has_no_effect_and_is_counted(desk, recipient: str, why: str) -> None:
    """Any change of a genuine token makes it nobody's."""
    sent = desk.send(desk.world.a1)
    forged = ("a" if sent.token[0] != "a" else "b") + sent.token[1:]
    assert desk.hand_in(letters.dsn(token=forged), recipient) is Outcome.UNMATCHED
    assert (desk.marks(sent), desk.mail(desk.world.a1), desk.unmatched()) == (UNTOUCHED, [], [("bounce", why)])


def test_a_foreign_token_cannot_reach_another_tenants_message(desk) -> None:
    """A genuine token of a1 with the number of a message of b1: there is no such message in a1, and b1 feels nothing."""
    sent = desk.send(desk.world.b1)
    crossed = desk.mint.mint(desk.world.a1.id, sent.id).local
    desk.hand_in(letters.dsn(token=crossed), f"{crossed}@mail.example")
    assert desk.marks(sent) == UNTOUCHED
    assert desk.mail(desk.world.a1) == [("bounce", "no-such-message", sent.id)]
    assert desk.mail(desk.world.b1) == []


def test_the_envelopes_token_beats_one_inside(desk) -> None:
    """A mail to a1's address that gives back a message of b1 concerns a1 alone."""
    own, others = desk.send(desk.world.a1), desk.send(desk.world.b1)
    desk.hand_in(letters.dsn(token=others.token), f"{own.token}@mail.example")
    assert (desk.marks(own), desk.marks(others)) == (BOUNCED, UNTOUCHED)


def test_a_token_of_a_tenant_that_is_gone_is_nobodys(desk) -> None:
    """Kept for the operator."""
    token = desk.mint.mint(1, 1).local
    assert desk.hand_in(letters.dsn(token=token), f"{token}@mail.example") is Outcome.UNMATCHED
    assert desk.unmatched() == [("bounce", "unknown-tenant")]


def test_a_bounce_of_a_message_that_was_never_sent_has_no_effect(desk) -> None:
    """Nothing can come back of what never left."""
    sent = desk.send(desk.world.a1, state="queued")
    _bounce(desk, sent)
    assert desk.marks(sent) == UNTOUCHED


def test_a_complaint_is_noted_once_and_suppresses(desk) -> None:
    """H2: replaying it changes nothing more."""
    sent = desk.send(desk.world.a1)
    for number in range(3):
        desk.hand_in(letters.arf(token=sent.token, extra=f"X-Copy: {number}\n"), f"fbl-{sent.token}@mail.example")
    assert desk.marks(sent) == (False, None, False, True)
    assert desk.suppressed(desk.world.a1) == [("ann@example.net", "complaint", "tenant")]
    assert [effect for _, effect, _ in desk.mail(desk.world.a1)] == ["complained", "repeated", "repeated"]


@pytest.mark.parametrize("extra", ["", "Original-Rcpt-To: redacted\n", "Original-Rcpt-To: <bob@example.net>\n"])
def test_a_redacted_complaint_reaches_its_tenant_and_contact(desk, extra: str) -> None:
    """RFC 6590: no address in it, or a wrong one, and sent to an address of everybody's: the token in the original decides."""
    with transaction(desk.world.a1.scope):
        ann = contacts.create(desk.world.a1.scope, email="ann@example.net", source="page").id
    sent, other = desk.send(desk.world.a1, contact_id=ann), desk.send(desk.world.a1, "bob@example.net")
    report = letters.arf(token=sent.token, extra=extra).replace(b"Return-Path: <", b"X-Was: <").replace(b"ann@", b"x@")
    assert desk.hand_in(report, "abuse@mail.example") is Outcome.SORTED
    assert (desk.marks(sent), desk.marks(other)) == ((False, None, False, True), UNTOUCHED)
    assert desk.suppressed(desk.world.a1) == [("ann@example.net", "complaint", "tenant")]
    with transaction(desk.world.a1.scope):
        (card,) = [one for one in list_messages(desk.world.a1.scope, contact_id=ann) if one.complained_at]
    assert card.id == sent.id


def test_a_complaint_that_is_taken_back_suppresses_nobody_any_more(desk) -> None:
    """RFC 6430: once, for the message complained about, and for no other tenant's."""
    sent, other = desk.send(desk.world.a1), desk.send(desk.world.a2)
    for one in (sent, other):
        desk.hand_in(letters.arf(token=one.token), f"fbl-{one.token}@mail.example")
    for extra in ("X-Copy: 1\n", "X-Copy: 2\n"):
        desk.hand_in(letters.arf("not-spam", token=sent.token, extra=extra), f"fbl-{sent.token}@mail.example")
    assert (desk.suppressed(desk.world.a1), len(desk.suppressed(desk.world.a2))) == ([], 1)
    assert [effect for _, effect, _ in desk.mail(desk.world.a1)] == ["complained", "taken-back", "none"]


def test_taking_back_ends_no_other_suppression(desk) -> None:
    """A bounce keeps its own: only the complaint's is lifted."""
    sent, again = desk.send(desk.world.a1), desk.send(desk.world.a1)
    desk.hand_in(letters.dsn(token=again.token), f"{again.token}@mail.example")
    desk.hand_in(letters.arf("not-spam", token=sent.token), f"fbl-{sent.token}@mail.example")
    assert [row[1] for row in desk.suppressed(desk.world.a1)] == ["hard_bounce"]


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure"])
def test_a_report_that_is_no_complaint_suppresses_nobody(desk, kind: str) -> None:
    """RFC 6430, RFC 6591."""
    sent = desk.send(desk.world.a1)
    desk.hand_in(letters.arf(kind, token=sent.token), f"fbl-{sent.token}@mail.example")
    assert (desk.marks(sent), desk.suppressed(desk.world.a1)) == (UNTOUCHED, [])


def test_row_61_a_token_in_the_comment_only_is_nobodys(desk) -> None:
    """What a stranger writes into the text of a report is not the report."""
    sent = desk.send(desk.world.a1)
    raw = letters.arf(token="x" * 44).replace(b"This is an email", f"Token {sent.token}. This is an email".encode())
    assert desk.hand_in(raw, "abuse@mail.example") is Outcome.UNMATCHED
    assert desk.marks(sent) == UNTOUCHED


def test_row_61_a_complaint_without_the_original_or_about_nothing(desk) -> None:
    """Without the original the address names the message; about one that was never sent there is nothing to complain of."""
    sent, never = desk.send(desk.world.a1), desk.send(desk.world.a2, state="queued")
    raw = letters.arf(token="x" * 44)
    raw = raw[: raw.index(b"--b", raw.index(b"Feedback-Type"))] + b"--b--\n"
    assert desk.hand_in(raw, f"fbl-{sent.token}@mail.example") is Outcome.SORTED
    _complain(desk, never)
    assert (desk.marks(sent), desk.marks(never)) == ((False, None, False, True), UNTOUCHED)
    assert [effect for _, effect, _ in desk.mail(desk.world.a2)] == ["no-such-message"]
    assert desk.suppressed(desk.world.a2) == []


def test_unsubscribing_by_mail_ends_the_subscription(desk) -> None:
    """The list of the message, for its contact; again is harmless."""
    place = desk.world.a1
    with transaction(place.scope):
        contact = contacts.upsert(place.scope, email="ann@example.net", source="test")
        made = lists.create_list(place.scope, name="News")
        contact_id = contact.contact_id if hasattr(contact, "contact_id") else contact.card.id
        lists.subscribe(place.scope, contact_id=contact_id, list_id=made.id, source="test")
    sent = desk.send(place, contact_id=contact_id, list_id=made.id)
    for number in range(2):
        desk.hand_in(b"Subject: unsubscribe %d\r\n\r\n" % number, f"u-{sent.token}@mail.example", sender="ann@example.net")
    assert desk.ask(place, "SELECT state FROM subscription") == [("unsubscribed",)]
    assert desk.suppressed(place) == [("ann@example.net", "unsubscribe", "list")]
    assert [effect for _, effect, _ in desk.mail(place)] == ["unsubscribed", "unsubscribed"]


def test_leaving_a_message_to_no_contact_suppresses_its_stream(desk) -> None:
    """Single messages have no list."""
    sent = desk.send(desk.world.a1, stream="transactional")
    desk.hand_in(b"Subject: x\r\n\r\n", f"u-{sent.token}@mail.example")
    assert desk.suppressed(desk.world.a1) == [("ann@example.net", "unsubscribe", "stream")]


def test_an_automatic_answer_and_a_reply_are_kept_without_effect(desk) -> None:
    """B3: nothing is ever answered, nothing changes."""
    sent = desk.send(desk.world.a1)
    desk.hand_in(letters.vacation(token=sent.token), f"{sent.token}@mail.example")
    desk.hand_in(letters.REPLY.encode(), f"{sent.token}@mail.example")
    assert [(kind, effect) for kind, effect, _ in desk.mail(desk.world.a1)] == [("autoreply", "none"), ("reply", "none")]
    assert desk.marks(sent) == UNTOUCHED


@pytest.mark.parametrize(
    "raw", [b"", b"\x00\xff", b"Subject: \x00\xed\xa0\x80\r\nFrom: \x00\r\n\r\n\x00", b"Subject: =?utf-8?b?7aCA?=\n\n"]
)
def test_hostile_bytes_are_kept(desk, raw: bytes) -> None:
    """NUL and broken text reach no text column raw."""
    assert desk.hand_in(raw, "abuse@mail.example") is Outcome.UNMATCHED
    assert desk.hand_in(raw, "abuse@mail.example") is Outcome.UNMATCHED
    assert len(desk.unmatched()) == 1


def _complain(desk, sent, number=0):
    return desk.hand_in(letters.arf(token=sent.token, extra=f"X-Copy: {number}\n"), f"fbl-{sent.token}@mail.example")


def _standing(desk, place):
    counted = desk.ask(place, "SELECT coalesce(sum(complaints), 0) FROM standing_count")
    with transaction(place.scope):
        return int(counted[0][0]), grade(place.scope, stream="marketing")


def _sent_before(desk, place, number):
    with transaction(place.scope):
        count(place.scope, stream="marketing", sent_at=clock.now(), sent=number)


def test_h3_unlisted_complaints_suppress_and_stop_nobody(desk) -> None:
    """Forty leaked tokens of 1,000 messages would suspend; from an unlisted source each does no more than its one recipient wants."""
    _sent_before(desk, desk.world.a1, 1_000)
    sent = [desk.send(desk.world.a1, f"r{number}@example.net") for number in range(40)]
    for one in sent:
        _complain(desk, one)
    assert _standing(desk, desk.world.a1) == (0, Grade.WELL)
    assert len(desk.suppressed(desk.world.a1)) == 40
    assert all(desk.marks(one)[3] for one in sent)


def test_h3_listed_complaints_count_each_message_once(desk) -> None:
    """K tokens count at most k, however often each is replayed; a listed source's word counts after an unlisted one's, too."""
    _sent_before(desk, desk.world.a1, 1_000)
    sent = [desk.send(desk.world.a1, f"r{number}@example.net") for number in range(21)]
    for one in sent[:5]:
        _complain(desk, one)
    desk.mailroom.sources = of_house("192.0.2.1")
    for one in sent:
        for number in range(1, 4):
            _complain(desk, one, number)
    assert _standing(desk, desk.world.a1) == (21, Grade.SUSPENDED)
    assert _standing(desk, desk.world.a2) == (0, Grade.WELL)
