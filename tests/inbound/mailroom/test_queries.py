"""What people see of inbound mail: their own, by permission, bounded; the operator sees what belongs to nobody."""

from __future__ import annotations

import letters
import pytest

from posthouse.inbound.mailroom import queries, services
from posthouse.inbound.permissions import READ_INBOUND
from posthouse.platform.db import transaction
from posthouse.platform.errors import Forbidden, Invalid, Missing


def _some_mail(desk, place, number=3):
    sent = [desk.send(place, f"p{n}@example.net") for n in range(number)]
    for one in sent:
        desk.hand_in(letters.dsn(token=one.token), f"{one.token}@mail.example")
    return sent


def test_a_tenant_pages_through_its_own_mail_newest_first(desk) -> None:
    """Pages meet without gap or repeat, and foreign mail is never on them."""
    sent = _some_mail(desk, desk.world.a1)
    _some_mail(desk, desk.world.b1)
    scope = desk.world.a1.scope
    with transaction(scope):
        first = queries.list_mail(scope, limit=2)
        rest = queries.list_mail(scope, limit=2, before=first.before)
        narrowed = queries.list_mail(scope, kind="bounce", message_id=sent[0].id)
        none = queries.list_mail(scope, kind="fbl")
    assert [card.message_id for card in (*first.cards, *rest.cards)] == [one.id for one in reversed(sent)]
    assert (rest.before, len(narrowed.cards), none.cards) == (None, 1, ())


def test_one_mail_shows_what_was_understood(desk) -> None:
    """Recipient, reason, rule, and the mail as text."""
    _some_mail(desk, desk.world.a1, 1)
    scope = desk.world.a1.scope
    with transaction(scope):
        detail = queries.get_mail(scope, mail_id=queries.list_mail(scope).cards[0].id)
    assert (detail.outcomes[0].reason, detail.outcomes[0].hard, detail.rule) == ("userunknown", True, "delivery-status")
    assert "Undelivered Mail" in detail.raw
    assert detail.automatic


def test_another_tenants_mail_is_not_there(desk) -> None:
    """Not yours and not there are one answer, for a sibling and for another reseller's tenant."""
    _some_mail(desk, desk.world.a1, 1)
    with transaction(desk.world.a1.scope):
        mail_id = queries.list_mail(desk.world.a1.scope).cards[0].id
    for place in (desk.world.a2, desk.world.b1):
        with transaction(place.scope), pytest.raises(Missing):
            queries.get_mail(place.scope, mail_id=mail_id)
        with transaction(place.scope):
            assert queries.list_mail(place.scope).cards == ()


def test_reading_needs_its_permission(desk) -> None:
    """No permission, no mail; the unmatched queue is the operator's alone."""
    bare, reader = desk.world.a1.may_only(), desk.world.a1.may_only(READ_INBOUND.name)
    with transaction(bare), pytest.raises(Forbidden):
        queries.list_mail(bare)
    with transaction(reader):
        queries.list_mail(reader)
    for scope in (desk.world.a1.scope, desk.world.a.scope):
        with transaction(scope), pytest.raises(Forbidden):
            queries.list_unmatched(scope)


def test_the_operator_says_what_unmatched_mail_was(desk) -> None:
    """It leaves the waiting list, stays on record, and may be judged again."""
    desk.hand_in(letters.dsn(token="x"), "postmaster@mail.example")
    operator = desk.world.operator
    with transaction(operator):
        (card,) = queries.list_unmatched(operator).cards
        services.say_what_it_was(operator, mail_id=card.id, kind="bounce")
        services.say_what_it_was(operator, mail_id=card.id, kind="bounce")
    with transaction(operator):
        assert queries.list_unmatched(operator).cards == ()
        assert queries.list_unmatched(operator, waiting_only=False).cards[0].said_kind == "bounce"
        assert queries.get_unmatched(operator, mail_id=card.id).card.effect == "forged"
        assert queries.count_unmatched(operator) == {"forged": 1}


def test_a_wrong_judgement_is_refused(desk) -> None:
    """An unknown kind names the choices; an unknown mail is not there; a tenant may not judge."""
    operator, scope = desk.world.operator, desk.world.a1.scope
    with transaction(operator), pytest.raises(Invalid) as refused:
        services.say_what_it_was(operator, mail_id=1, kind="nonsense")
    assert "bounce" in refused.value.sentence
    with transaction(operator), pytest.raises(Missing):
        services.say_what_it_was(operator, mail_id=1, kind="bounce")
    with transaction(scope), pytest.raises(Forbidden):
        services.say_what_it_was(scope, mail_id=1, kind="bounce")
