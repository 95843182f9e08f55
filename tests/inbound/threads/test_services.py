"""People's answers come to the tenant's inbox, by the message that they answer; programs' answers never do."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import cast

import letters
import pytest
import sqlalchemy as sa
from desk import Desk
from flask import Flask
from shops import Shop, make_shop
from world import World

from posthouse.inbound.threads import jobs, queries, services
from posthouse.inbound.threads.rules import FORWARDS_OF_THREAD, read_answer
from posthouse.platform import clock
from posthouse.platform.app import settings
from posthouse.platform.db import transaction
from posthouse.platform.errors import Invalid, Missing
from posthouse.platform.scope import Scope
from posthouse.sending.campaigns import composers
from posthouse.sending.content.cards import MessageCard
from posthouse.sending.transactional.services import SingleMessage, accept
from posthouse.tenants.accounts.services import set_replies
from posthouse.tenants.suppressions.services import suppress

WRITTEN = b"From: Ann <ann@example.net>\r\nTo: r-x@mail.example\r\nSubject: A question\r\n\r\nDo you have it in {{ blue }}?\r\n"


@pytest.fixture
def desk(app: Flask, world: World) -> Desk:
    del app
    return Desk(world)


@pytest.fixture
def shop(desk: Desk) -> Shop:
    composers.forget()
    return make_shop(desk.world.a1.scope, name="tea", people=1)


def _threads(scope: Scope) -> tuple[queries.ThreadCard, ...]:
    with transaction(scope):
        return queries.list_threads(scope).cards


def _answered(desk: Desk, content: bytes, role: str = "", sender: str = "ann@example.net") -> list[str]:
    sent = desk.send(desk.world.a1)
    desk.hand_in(content.replace(letters.TOKEN.encode(), sent.token.encode()), f"{role}{sent.token}@mail.example", sender=sender)
    return [str(effect) for _, effect, _ in desk.mail(desk.world.a1)]


def test_an_answer_opens_a_thread_and_the_next_one_goes_into_it(desk: Desk) -> None:
    """A thread belongs to one message; the last answer names it; the same mail twice counts once."""
    sent, to = desk.send(desk.world.a1, contact_id=7), desk.world.a1.scope
    for _ in range(2):
        desk.hand_in(WRITTEN, f"r-{sent.token}@mail.example", sender="ann@example.net")
    desk.hand_in(WRITTEN.replace(b"A question", b"Never mind"), f"r-{sent.token}@mail.example", sender="ann@example.net")
    (thread,) = _threads(to)
    assert (thread.message_id, thread.contact_id, thread.answers, thread.subject, thread.unread) == (sent.id, 7, 2, "Never mind", True)
    with transaction(to):
        _, answers = queries.get_thread(to, thread_id=thread.id)
    assert [one.answer.subject for one in answers] == ["A question", "Never mind"]
    assert answers[0].answer.text == "Do you have it in {{ blue }}?"


def test_an_answer_to_the_return_path_counts_too(desk: Desk) -> None:
    """Some programs answer there; In-Reply-To says that it is an answer."""
    assert _answered(desk, letters.REPLY.encode()) == ["answered"]


@pytest.mark.parametrize(
    ("content", "sender"),
    [
        (letters.vacation(token=letters.TOKEN), "ann@example.net"),
        (letters.dsn(), ""),
        (WRITTEN, ""),
        (WRITTEN.replace(b"Subject: A question", b"Auto-Submitted: auto-replied\r\nSubject: Re: A question"), "ann@example.net"),
    ],
    ids=["vacation", "bounce", "no sender", "marked automatic"],
)
def test_what_a_program_wrote_is_no_answer(desk: Desk, content: bytes, sender: str) -> None:
    """Whatever address it comes to."""
    assert "answered" not in _answered(desk, content, "r-", sender)
    assert _threads(desk.world.a1.scope) == ()


def test_a_request_to_leave_at_the_reply_address_ends_the_subscription(desk: Desk) -> None:
    """People write that to whoever wrote to them."""
    assert _answered(desk, WRITTEN.replace(b"A question", b"Unsubscribe"), "r-") == ["unsubscribed"]


def test_a_foreign_tenant_sees_and_changes_no_thread(desk: Desk) -> None:
    """Not yours and not there are the same answer."""
    _answered(desk, WRITTEN, "r-")
    (thread,) = _threads(desk.world.a1.scope)
    other = desk.world.a2.scope
    assert _threads(other) == ()
    for act in (lambda: queries.get_thread(other, thread_id=thread.id), lambda: services.mark_done(other, thread_id=thread.id, done=True)):
        with transaction(other), pytest.raises(Missing):
            act()


def test_a_thread_that_is_done_opens_again_by_a_new_answer(desk: Desk) -> None:
    """Nobody is overlooked because somebody was once done with them."""
    scope, sent = desk.world.a1.scope, desk.send(desk.world.a1)
    desk.hand_in(WRITTEN, f"r-{sent.token}@mail.example", sender="ann@example.net")
    with transaction(scope):
        services.mark_done(scope, thread_id=queries.list_threads(scope).cards[0].id, done=True)
        assert queries.list_threads(scope).cards == ()
        assert len(queries.list_threads(scope, done=True).cards) == 1
    desk.hand_in(WRITTEN.replace(b"question", b"doubt"), f"r-{sent.token}@mail.example", sender="ann@example.net")
    assert [one.unread for one in _threads(scope)] == [True]


def _real(shop: Shop) -> int:
    with transaction(shop.scope) as live:
        letter = SingleMessage(to="jo@example.net", from_address="shop@tea.example.com", from_name="Tea", subject="Order", html="<p>Hi</p>")
        made = accept(shop.scope, letter).message_id
        live.execute(sa.text("UPDATE message SET state = 'sent', settled_at = now(), attempts = 1 WHERE id = :id"), {"id": made})
    return made


def _hand_in_answer(desk: Desk, message_id: int, content: bytes = WRITTEN) -> int:
    token = desk.mint.mint(desk.world.a1.id, message_id).local
    desk.hand_in(content, f"r-{token}@mail.example", sender="ann@example.net")
    return _threads(desk.world.a1.scope)[0].last_mail_id


def _set(scope: Scope, where: str, to: str = "") -> None:
    with transaction(scope):
        set_replies(scope, where=where, forward_to=to)


def _forwards(shop: Shop) -> list[bytes]:
    """The copies that go to the team, as they leave."""
    composers.forget()
    with transaction(shop.scope) as live:
        found = live.execute(sa.text("SELECT id, revision_id FROM message WHERE recipient = 'team@tea.example.com' ORDER BY id")).all()
        return [
            composers.load(shop.scope, row[1])
            .compose(MessageCard(message_id=row[0], recipient="team@tea.example.com", at=clock.now(), fields={}))
            .data
            for row in found
        ]


def _forward(desk: Desk, shop: Shop, content: bytes) -> EmailMessage:
    """Forward an answer twice; returns the one copy as the team's program reads it."""
    _set(shop.scope, "forward", "team@tea.example.com")
    mail_id = _hand_in_answer(desk, _real(shop), content)
    for _ in range(2):
        jobs.forward_answer(shop.scope, mail_id=mail_id)
    (copy,) = _forwards(shop)
    assert b"posthouse" not in copy.lower()
    return cast("EmailMessage", message_from_bytes(copy, policy=policy.default))


def test_an_answer_is_forwarded_once_from_the_tenants_own_address(desk: Desk, shop: Shop) -> None:
    """The person stands in Reply-To and before the tenant's address; their words are no template; the job may run twice."""
    copy = _forward(desk, shop, WRITTEN.replace(b"Subject", b"Message-ID: <7@example.net>\r\nSubject"))
    assert copy["From"] == "Ann via Tea <shop@tea.example.com>"
    assert (copy["To"], copy["Reply-To"], copy["Subject"]) == ("team@tea.example.com", "ann@example.net", "A question")
    assert copy["References"] == "<7@example.net>"
    assert copy["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert copy["Auto-Submitted"] is None
    assert copy.get_content().strip() == "Do you have it in {{ blue }}?"


def test_a_thread_says_which_message_forwarded_an_answer(desk: Desk, shop: Shop) -> None:
    """To its own tenant."""
    _forward(desk, shop, WRITTEN)
    mail_id = _threads(shop.scope)[0].last_mail_id
    with transaction(shop.scope) as live:
        copy_id = live.execute(sa.text("SELECT id FROM message WHERE recipient = 'team@tea.example.com'")).scalar_one()
        assert queries.forwards_of(shop.scope, [mail_id, 1]) == {mail_id: copy_id}
    with transaction(desk.world.a2.scope):
        assert queries.forwards_of(desk.world.a2.scope, [mail_id]) == {}


def test_an_answer_is_forwarded_with_its_files(desk: Desk, shop: Shop) -> None:
    """Text, HTML, picture and document arrive as they were sent."""
    made = EmailMessage()
    made["From"], made["Subject"] = "Ann Ö <ann@example.net>", "Größe?"
    made.set_content("Passt das?\n")
    made.add_alternative("<p>Passt <b>das</b>?</p>", subtype="html")
    made.add_attachment(bytes(range(256)) * 200, maintype="image", subtype="png", filename="größe.png")
    copy = _forward(desk, shop, bytes(made).replace(b"\n", b"\r\n"))
    assert (copy["From"], copy["Subject"]) == ("Ann Ö via Tea <shop@tea.example.com>", "Größe?")
    (picture,) = copy.iter_attachments()
    assert (picture.get_filename(), picture.get_content()) == ("größe.png", bytes(range(256)) * 200)
    assert "<b>das</b>" in copy.get_body(("html",)).get_content()


@pytest.mark.parametrize(
    "content",
    [
        WRITTEN.replace(b"Do you", b"\xff\xfe Do you"),
        WRITTEN.replace(b"Subject", b"Content-Type: multipart/mixed; boundary=x\r\nContent-Transfer-Encoding: base64\r\nSubject"),
        WRITTEN.replace(b"\r\nSubject", b"\r\nno header at all\r\nSubject"),
    ],
    ids=["no charset", "encoded as a whole", "broken head"],
)
def test_of_an_answer_in_a_form_that_no_mail_may_have_the_words_are_forwarded(desk: Desk, shop: Shop, content: bytes) -> None:
    """Whatever strangers write reaches the team, with who wrote it."""
    copy = _forward(desk, shop, content)
    assert "ann@example.net" in copy["Reply-To"]
    assert "wrote:" in copy.get_content()


def test_an_answer_that_is_too_large_is_forwarded_without_its_files(desk: Desk, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy says that they are in the inbox."""
    small = replace(settings(), submission_message_bytes=2_000)
    monkeypatch.setattr(jobs, "settings", lambda: small)
    made = EmailMessage()
    made["From"], made["Subject"] = "Ann <ann@example.net>", "Look"
    made.set_content("Here it is.\n")
    made.add_attachment(bytes(5_000), maintype="image", subtype="png", filename="a.png")
    said = _forward(desk, shop, bytes(made).replace(b"\n", b"\r\n")).get_content()
    assert "Here it is." in said
    assert "1 attached file(s) are in your inbox only." in said


def test_a_name_that_shows_an_address_is_not_taken_over(desk: Desk, shop: Shop) -> None:
    """It would be another than the copy comes from."""
    copy = _forward(desk, shop, WRITTEN.replace(b"From: Ann", b'From: "support@bank.example"'))
    assert copy["From"] == "ann via Tea <shop@tea.example.com>"


def test_a_forwarded_answer_that_comes_back_is_not_forwarded_again(desk: Desk, shop: Shop) -> None:
    """Neither by its mark, which nobody can make up, nor as an answer to the copy; the thread says why."""
    copy = _forward(desk, shop, WRITTEN)
    message_id = _real(shop)
    for mark, forwarded in ((copy["X-Forwarded-Answer"], 1), ("0" * 32, 2)):
        again = WRITTEN.replace(b"Subject: A", b"X-Forwarded-Answer: " + mark.encode() + b"\r\nSubject: Another " + mark[:4].encode())
        jobs.forward_answer(shop.scope, mail_id=_hand_in_answer(desk, message_id, again))
        assert len(_forwards(shop)) == forwarded
        assert bool(_threads(shop.scope)[0].trouble) is (forwarded == 1)
    with transaction(shop.scope) as live:
        live.execute(sa.text("UPDATE message SET state = 'sent', settled_at = now(), attempts = 1 WHERE state = 'queued'"))
        copy_id = live.execute(sa.text("SELECT min(forward_id) FROM answer_forward")).scalar_one()
    jobs.forward_answer(shop.scope, mail_id=_hand_in_answer(desk, copy_id, WRITTEN.replace(b"A q", b"Yes, a q")))
    assert len(_forwards(shop)) == 2
    assert _threads(shop.scope)[0].trouble == jobs.ROUND


def test_what_can_not_be_forwarded_stays_in_the_inbox_with_the_reason(desk: Desk, shop: Shop) -> None:
    """A suppressed address gets nothing, and the thread says so."""
    _set(shop.scope, "forward", "team@tea.example.com")
    with transaction(shop.scope):
        suppress(shop.scope, email="team@tea.example.com", reason="manual", source="page")
    jobs.forward_answer(shop.scope, mail_id=_hand_in_answer(desk, _real(shop)))
    assert _forwards(shop) == []
    assert "suppressed" in _threads(shop.scope)[0].trouble


def test_two_programs_that_answer_each_other_are_stopped(desk: Desk, shop: Shop) -> None:
    """After so many forwards of one thread its answers only come to the inbox."""
    _set(shop.scope, "forward", "team@tea.example.com")
    message_id = _real(shop)
    for number in range(FORWARDS_OF_THREAD + 2):
        mail_id = _hand_in_answer(desk, message_id, WRITTEN.replace(b"A question", f"No. {number}".encode()))
        if _waiting(shop, mail_id):
            jobs.forward_answer(shop.scope, mail_id=mail_id)
    assert len(_forwards(shop)) == FORWARDS_OF_THREAD


def _waiting(shop: Shop, mail_id: int) -> bool:
    with transaction(shop.scope) as live:
        found = live.execute(
            sa.text("SELECT count(*) FROM job WHERE kind = :kind AND args ->> 'mail_id' = :id"),
            {"kind": services.FORWARD, "id": str(mail_id)},
        )
        return bool(found.scalar_one())


def test_a_message_names_a_reply_address_where_the_tenant_wants_answers(shop: Shop) -> None:
    """Its own Reply-To goes before; without a wish there is none."""
    assert b"Reply-To" not in _composed(shop)
    _set(shop.scope, "inbox")
    assert b"\r\nReply-To: r-" in _composed(shop)
    assert b"\r\nReply-To: me@tea.example.com" in _composed(shop, reply_to="me@tea.example.com")


def _composed(shop: Shop, reply_to: str = "") -> bytes:

    composers.forget()
    with transaction(shop.scope) as live:
        letter = SingleMessage(
            to="jo@example.net", from_address="shop@tea.example.com", subject="Order", html="<p>Hi</p>", reply_to=reply_to
        )
        made = accept(shop.scope, letter).message_id
        revision = live.execute(sa.text("SELECT revision_id FROM message WHERE id = :id"), {"id": made}).scalar_one()
        card = MessageCard(message_id=made, recipient="jo@example.net", at=clock.now(), fields={})
        return composers.load(shop.scope, revision).compose(card).data


@pytest.mark.parametrize(("where", "to"), [("nowhere", ""), ("forward", ""), ("forward", "not an address")])
def test_a_place_that_cannot_be_is_refused(shop: Shop, where: str, to: str) -> None:
    """With the field that is wrong."""
    with transaction(shop.scope), pytest.raises(Invalid):
        set_replies(shop.scope, where=where, forward_to=to)


def test_answers_are_not_forwarded_to_ourselves(shop: Shop) -> None:
    """They would come in again."""
    with transaction(shop.scope), pytest.raises(Invalid) as refused:
        set_replies(shop.scope, where="forward", forward_to=f"x@{settings().mail_domain}")
    assert refused.value.code == "replies_loop"


@pytest.mark.parametrize("raw", [b"", b"\x00\xff", b"From: \x00\r\n\r\n\x00", b"Reply-To: <<<@@>>>\r\n\r\nx"])
def test_no_bytes_break_an_answer(raw: bytes) -> None:
    """Strangers write them."""
    assert read_answer(raw).attachments == 0


def test_a_thread_of_large_answers_is_read_one_by_one(desk: Desk) -> None:
    """Anybody who was written to may answer fifty times with all that a mail can hold: the page must not hold all of it at once."""
    sent, scope = desk.send(desk.world.a1), desk.world.a1.scope
    for number in range(20):
        desk.hand_in(WRITTEN + b"%d" % number, f"r-{sent.token}@mail.example", sender="ann@example.net")
    with transaction(scope) as live:
        large = "raw || convert_to(E'\\r\\n' || repeat(md5(id::text), 130000), 'UTF8')"
        live.execute(sa.text(f"UPDATE inbound_mail SET raw = {large} WHERE message_id = :id"), {"id": sent.id})
    thread = _threads(scope)[0]
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = _peak_bytes()
    with transaction(scope):
        _, answers = queries.get_thread(scope, thread_id=thread.id)
    assert len(answers) == 20
    assert _peak_bytes() - before < 90_000_000


def _peak_bytes() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found.group(1)) * 1_024
