"""Ready-made messages: all copies are kept or none, once for one Message-ID, through the same doors as any single message."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask
from shops import Shop, make_domain, make_shop
from world import World

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Conflict, Forbidden, LimitReached, Missing
from posthouse.platform.scope import system
from posthouse.sending.campaigns import composers
from posthouse.sending.content.cards import MessageCard
from posthouse.sending.messages.erasure import forget_range
from posthouse.sending.messages.labels import get_labels
from posthouse.sending.mime import jobs
from posthouse.sending.transactional.mime import MimeCard, MimeMessage, accept_mime
from posthouse.sending.transactional.services import SingleMessage, accept
from posthouse.tenants.quotas import services as quotas
from posthouse.tenants.suppressions import services as suppressions

RAW = (
    b"From: Tea <shop@tea.example.com>\r\nTo: jo@example.net, Al <al@example.net>\r\nBcc: secret@example.net\r\nSubject: Order 7\r\n"
    b"Message-ID: <order-7@tea.example.com>\r\nX-Tag: receipt\r\nX-Metadata-Order: 7\r\n\r\nThanks.\r\n"
)


@pytest.fixture
def shop(world: World) -> Shop:
    composers.forget()
    return make_shop(world.a1.scope, name="tea", people=1)


def send(shop: Shop, raw: bytes = RAW, **more: object) -> MimeCard:
    with transaction(shop.scope):
        return accept_mime(shop.scope, MimeMessage(raw=raw, **more))  # type: ignore[arg-type]


def count(shop: Shop, table: str) -> int:
    with transaction(shop.scope) as live:
        return int(live.execute(sa.select(sa.func.count()).select_from(sa.table(table))).scalar_one())


def test_every_recipient_gets_a_copy_and_the_bytes_are_kept_once(shop: Shop) -> None:
    """To, Cc and Bcc; each with its own message, labels and token, and none sees who gets it in secret."""
    card = send(shop)
    assert [one.to for one in card.copies] == ["jo@example.net", "al@example.net", "secret@example.net"]
    assert card.removed == ("bcc", "x-metadata-order", "x-tag")
    assert (count(shop, "message"), count(shop, "mime_letter"), count(shop, "campaign_revision")) == (3, 1, 1)
    with transaction(shop.scope) as live:
        row = live.execute(
            sa.text("SELECT revision_id, stream, recipient FROM message WHERE id = :id"), {"id": card.copies[2].message_id}
        ).one()
        assert get_labels(shop.scope, card.copies[0].message_id).metadata == {"order": "7"}
        composer = composers.load(shop.scope, row.revision_id)
    made = composer.compose(MessageCard(message_id=card.copies[2].message_id, recipient=row.recipient, at=clock.now()))
    assert row.stream == "transactional"
    assert b"DKIM-Signature: " in made.data
    assert b"secret@" not in made.data
    assert b"X-Tag" not in made.data


def test_the_envelope_names_the_recipients_where_there_is_one(shop: Shop) -> None:
    """The header does not matter then; the same address twice is one copy."""
    card = send(shop, recipients=("Bo <bo@example.net>", "BO@example.net"), tags=["more"], metadata={"a": "b"})
    assert [one.to for one in card.copies] == ["BO@example.net"]
    with transaction(shop.scope):
        labels = get_labels(shop.scope, card.copies[0].message_id)
    assert (labels.tags, labels.metadata) == (("receipt", "more"), {"order": "7", "a": "b"})


def test_53_the_same_message_id_and_content_is_the_same_message(shop: Shop) -> None:
    """A sender that lost our answer may repeat; new recipients and new content are new; after seven days so is everything."""
    first, again = send(shop), send(shop)
    assert [one.message_id for one in again.copies] == [one.message_id for one in first.copies]
    assert all(one.repeated for one in again.copies)
    more = send(shop, recipients=("jo@example.net", "new@example.net"))
    assert [one.repeated for one in more.copies] == [True, False]
    assert not any(one.repeated for one in send(shop, RAW.replace(b"Thanks", b"Other")).copies)
    with clock.frozen(clock.now()) as later:
        later.move(seconds=8 * 86_400)
        assert not any(one.repeated for one in send(shop).copies)


def test_without_a_message_id_each_is_a_new_one(shop: Shop) -> None:
    """Two alarms of the same words are two alarms."""
    raw = RAW.replace(b"Message-ID: <order-7@tea.example.com>\r\n", b"")
    assert {one.message_id for one in send(shop, raw).copies}.isdisjoint({one.message_id for one in send(shop, raw).copies})


def test_the_same_at_the_same_time_is_one_message(shop: Shop, app: Flask) -> None:
    """Eight at once: one of them makes it, the others hear its id."""

    def one(_number: int) -> tuple[int, ...]:
        with app.app_context():
            return tuple(copy.message_id for copy in send(shop).copies)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(8)))) == 1
    assert count(shop, "message") == 3


@pytest.mark.parametrize(("old", "new", "code"), [
    (b"shop@tea.example.com", b"shop@elsewhere.example.com", "from_domain_not_verified"),
    (b"shop@tea.example.com", b"shop@sub.tea.example.com", "from_domain_not_verified"),
    (b"Tea <shop@", b'"ceo@bank.example" <shop@', "from_name_misleading"),
    (b"Subject:", b"Sender: x@bank.example.com\r\nSubject:", "from_domain_not_verified"),
    (b"shop@tea", "schöp@tea".encode(), "address_malformed"),
    (b"jo@example.net", b"nobody", None),
    (b"Thanks", b"Tha\nnks", "mime_line_ends"),
])  # fmt: skip
def test_78_what_is_refused_leaves_nothing(shop: Shop, old: bytes, new: bytes, code: str | None) -> None:
    """Foreign domains, misleading names, broken messages: not one copy."""
    with pytest.raises(AppError) as refused:
        send(shop, RAW.replace(old, new))
    assert code in {None, refused.value.code}
    assert count(shop, "message") == count(shop, "mime_letter") == count(shop, "campaign_revision") == 0


def test_one_suppressed_recipient_stops_all_of_them(shop: Shop) -> None:
    """Half a message is nobody's wish."""
    with transaction(shop.scope):
        suppressions.suppress(shop.scope, email="al@example.net", reason="hard_bounce", source="test")
    with pytest.raises(Conflict) as refused:
        send(shop)
    assert refused.value.code == "recipient_suppressed"
    assert count(shop, "message") == 0


def test_too_many_or_no_recipients_and_too_large_messages_are_refused(shop: Shop) -> None:
    """Each says what to do."""
    for raw, recipients, code in (
        (RAW, tuple(f"p{n}@example.net" for n in range(101)), "recipients_too_many"),
        (RAW.replace(b"To: jo@example.net, Al <al@example.net>\r\nBcc: secret@example.net\r\n", b""), (), "recipient_missing"),
        (RAW + b"x" * 10_485_760, (), "mime_too_large"),
    ):
        with pytest.raises(AppError) as refused:
            send(shop, raw, recipients=recipients)
        assert refused.value.code == code


def test_a_used_up_allowance_is_said_whichever_way_it_comes(shop: Shop) -> None:
    """Letters and ready-made messages alike; a repeated one is answered still."""
    first = send(shop)
    with transaction(shop.scope):
        quotas.set_allowance(shop.scope, layer="tenant", owner_id=shop.scope.tenant, period="day", allowed=0)
    for raw in (RAW.replace(b"7", b"8"),):
        with pytest.raises(LimitReached) as refused:
            send(shop, raw)
        assert refused.value.code == "allowance_used_up"
        assert refused.value.facts["resumes_at"] > clock.now()
    letter = SingleMessage(to="jo@example.net", from_address="shop@tea.example.com", subject="x", html="<p>x</p>")
    with pytest.raises(LimitReached), transaction(shop.scope):
        accept(shop.scope, letter)
    assert send(shop).copies == tuple(replace(one, repeated=True) for one in first.copies)


def test_another_tenant_has_neither_domain_nor_memory(shop: Shop, world: World) -> None:
    """The same bytes from another tenant are refused, and with a domain of its own a new message."""
    first = send(shop)
    with pytest.raises(Forbidden), transaction(world.b1.scope):
        accept_mime(world.b1.scope, MimeMessage(raw=RAW))
    make_domain(world.b1.scope, "other.example.com")
    with transaction(world.b1.scope):
        card = accept_mime(world.b1.scope, MimeMessage(raw=RAW.replace(b"shop@tea.", b"shop@other.")))
    assert {one.message_id for one in card.copies}.isdisjoint({one.message_id for one in first.copies})
    with pytest.raises(Forbidden), transaction(world.a1.may_only("campaigns:send")):
        accept_mime(world.a1.may_only("campaigns:send"), MimeMessage(raw=RAW))


def test_a_letter_is_forgotten_after_its_time_but_not_before_its_last_copy_left(shop: Shop) -> None:
    """Thirty days, and nobody waits for it any more; then a late copy says what happened."""
    send(shop)
    with clock.frozen(clock.now()) as later:
        later.move(seconds=31 * 86_400)
        jobs.forget_letters(system("test"))
        assert count(shop, "mime_letter") == 1
        with transaction(shop.scope) as live:
            live.execute(sa.text("UPDATE message SET state = 'sent', settled_at = now()"))
        jobs.forget_letters(system("test"))
        assert count(shop, "mime_letter") == 0
    composers.forget()
    with transaction(shop.scope) as live, pytest.raises(Missing):
        composers.load(shop.scope, live.execute(sa.text("SELECT min(revision_id) FROM message")).scalar_one())


def test_an_erased_persons_letter_and_labels_go(shop: Shop) -> None:
    """While another copy waits the letter stays; with the last one it goes."""
    send(shop)
    for address, letters, labels in (("jo@example.net", 1, 2), ("al@example.net", 1, 1), ("secret@example.net", 0, 0)):
        with transaction(shop.scope):
            forget_range(shop.scope, contact_id=0, addresses=[address], after=0, size=100)
        assert (count(shop, "mime_letter"), count(shop, "message_label")) == (letters, labels)
