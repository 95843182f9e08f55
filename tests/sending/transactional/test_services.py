"""Single messages: kept before they are acknowledged, once for one key, and refused with a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa
from shops import Shop, make_domain, make_shop
from world import World

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Conflict, Forbidden, Invalid
from posthouse.platform.scope import system
from posthouse.sending.campaigns import composers
from posthouse.sending.content.cards import MessageCard
from posthouse.sending.transactional import jobs
from posthouse.sending.transactional.services import AcceptedCard, SingleMessage, accept
from posthouse.tenants.suppressions import services as suppressions

RECEIPT = SingleMessage(
    to="jo@example.net", from_address="shop@tea.example.com", from_name="Tea", subject="Order {{ number }}", html="<p>Thanks, order {{ number }}</p>", fields={"number": 7}
)  # fmt: skip


@pytest.fixture
def shop(world: World) -> Shop:
    composers.forget()
    return make_shop(world.a1.scope, name="tea", people=1)


def send(shop: Shop, message: SingleMessage = RECEIPT, key: str | None = None) -> AcceptedCard:
    with transaction(shop.scope):
        return accept(shop.scope, message, idempotency_key=key)


def count(shop: Shop, table: str) -> int:
    with transaction(shop.scope) as live:
        return int(live.execute(sa.select(sa.func.count()).select_from(sa.table(table))).scalar_one())


def test_an_accepted_message_is_queued_and_composes(shop: Shop) -> None:
    """The row has its fields, its lane and a revision that composes, signed, without list headers."""
    card = send(shop)
    with transaction(shop.scope) as live:
        row = live.execute(
            sa.text("SELECT stream, state, recipient, fields, revision_id FROM message WHERE id = :id"), {"id": card.message_id}
        ).one()
        composer = composers.load(shop.scope, row.revision_id)
    assert (row.stream, row.state, row.recipient) == ("transactional", "queued", "jo@example.net")
    made = composer.compose(MessageCard(message_id=card.message_id, recipient=row.recipient, at=clock.now(), fields=row.fields))
    assert b"Subject: Order 7\r\n" in made.data
    assert b"List-" not in made.data.split(b"\r\n\r\n")[0]
    assert b"DKIM-Signature: " in made.data


def test_the_same_content_is_compiled_once(shop: Shop) -> None:
    """Other fields, same letter: one revision; another letter: another."""
    send(shop)
    send(shop, replace(RECEIPT, to="al@example.net", fields={"number": 8}))
    assert count(shop, "campaign_revision") == 1
    send(shop, replace(RECEIPT, subject="Other"))
    assert count(shop, "campaign_revision") == 2


def test_17_one_key_is_one_message(shop: Shop) -> None:
    """Repeating gives the same id; another message under the key is refused; keys are the tenant's own."""
    first, again = send(shop, key="k1"), send(shop, key="k1")
    assert (again.message_id, again.repeated, first.repeated) == (first.message_id, True, False)
    with pytest.raises(Conflict) as refused:
        send(shop, replace(RECEIPT, subject="Other"), key="k1")
    assert refused.value.code == "idempotency_key_reused"
    assert send(shop, key="k2").message_id != first.message_id
    assert count(shop, "message") == 2


def test_a_key_is_known_for_seven_days_and_then_forgotten(shop: Shop, world: World) -> None:
    """Of every tenant, and no younger one; the key may then stand for another message, also before it is deleted."""
    make_domain(world.b1.scope, "other.example.com")
    with clock.frozen(clock.now()) as later:
        first = send(shop, key="k1")
        with transaction(world.b1.scope):
            accept(world.b1.scope, replace(RECEIPT, from_address="x@other.example.com"), idempotency_key="k1")
        later.move(seconds=6 * 86_400)
        assert send(shop, key="k1").message_id == first.message_id
        send(shop, key="young")
        jobs.forget_keys(system("test"))
        assert count(shop, "single_message_key") == 2
        later.move(seconds=86_401)
        other = send(shop, replace(RECEIPT, subject="Other"), key="k1")
        assert not other.repeated
        later.move(seconds=6 * 86_400 + 1)
        jobs.forget_keys(system("test"))
        assert count(shop, "single_message_key") == 1
        assert send(shop, replace(RECEIPT, subject="Other"), key="k1").message_id == other.message_id
    with transaction(world.b1.scope) as live:
        assert live.execute(sa.text("SELECT count(*) FROM single_message_key")).scalar_one() == 0


def test_a_key_is_the_tenants_own(shop: Shop, world: World) -> None:
    """Another tenant's same key is another message."""
    make_domain(world.b1.scope, "other.example.com")
    first = send(shop, key="k1")
    with transaction(world.b1.scope):
        second = accept(world.b1.scope, replace(RECEIPT, from_address="x@other.example.com"), idempotency_key="k1")
    assert not second.repeated
    assert second.message_id != first.message_id


@pytest.mark.parametrize(("changes", "code"), [
    ({"to": "nobody"}, None),
    ({"to": "a@b.example\r\nBcc: c@d.example"}, None),
    ({"from_address": "x@tea.example.com, y@tea.example.com"}, "address_malformed"),
    ({"from_address": "x@elsewhere.example.com"}, "from_domain_not_verified"),
    ({"from_address": "x@sub.tea.example.com"}, "from_domain_not_verified"),
    ({"reply_to": "a@b.example\r\nX: y"}, "address_malformed"),
    ({"html": "{{ unknown }}"}, "content_refused"),
    ({"html": "{% for i in (1..100000000) %}x{% endfor %}"}, "content_refused"),
    ({"html": "a\x00b"}, "content_refused"),
    ({"subject": "\ud800"}, None),
    ({"kind": "docx"}, "letter_kind_unknown"),
    ({"fields": {"number": "x" * 70_000}}, "fields_too_large"),
])  # fmt: skip
def test_6_66_76_78_what_is_refused_leaves_nothing(shop: Shop, changes: dict[str, object], code: str | None) -> None:
    """Each refusal has its code; no message and no revision stays."""
    with pytest.raises(AppError) as refused:
        send(shop, replace(RECEIPT, **changes))  # type: ignore[arg-type]
    assert code in {None, refused.value.code}
    assert isinstance(refused.value, Invalid | Forbidden)
    assert count(shop, "message") == count(shop, "campaign_revision") == 0


def test_a_suppressed_recipient_gets_nothing(shop: Shop) -> None:
    """Mail to an address that bounced for good is refused."""
    with transaction(shop.scope):
        suppressions.suppress(shop.scope, email="JO@example.net", reason="hard_bounce", source="test")
    with pytest.raises(Conflict) as refused:
        send(shop)
    assert refused.value.code == "recipient_suppressed"
    assert count(shop, "message") == 0


def test_permission_is_asked_for(shop: Shop, world: World) -> None:
    """A key without messages:send sends nothing."""
    scope = world.a1.may_only("campaigns:send")
    with pytest.raises(Forbidden), transaction(scope):
        accept(scope, RECEIPT)
