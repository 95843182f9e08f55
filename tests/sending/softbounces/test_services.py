"""Soft bounces: each message counts once, only what lies with the address counts, and enough of them suppress it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from desk import Desk, Sent
from flask import Flask
from world import World

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.errors import Invalid
from posthouse.sending.messages.services import record_bounce
from posthouse.sending.replies.cards import Action, Classification
from posthouse.sending.softbounces import queries
from posthouse.sending.softbounces.rules import LAXEST, USUAL, Policy, applied, counts
from posthouse.sending.softbounces.services import note, set_bound, set_policy

FULL = Classification(Action.FAILED, "5.2.2", 5, "mailboxfull", hard=False, suppress=False, rule="x")
START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = 86_400


@pytest.fixture
def desk(app: Flask, world: World) -> Desk:
    del app
    return Desk(world)


def _bounce(desk: Desk, found: Classification = FULL, times: int = 1) -> Sent:
    sent = desk.send(desk.world.a1)
    for _ in range(times):
        with transaction(desk.world.a1.scope):
            record_bounce(desk.world.a1.scope, sent.id, found, "bounce")
    return sent


def test_the_usual_policy_suppresses_with_the_fifth_bounce(desk: Desk) -> None:
    """A report that comes twice counts once."""
    for _ in range(USUAL.bounces - 1):
        _bounce(desk, times=2)
    assert desk.suppressed(desk.world.a1) == []
    _bounce(desk)
    assert desk.suppressed(desk.world.a1) == [("ann@example.net", "soft_bounce", "tenant")]


def test_bounces_that_are_too_old_do_not_count(desk: Desk) -> None:
    """Five within the days, not five ever."""
    with clock.frozen(START) as time:
        for _ in range(USUAL.bounces + 2):
            _bounce(desk)
            time.move(seconds=USUAL.days * DAY / (USUAL.bounces - 1) + 60)
    assert desk.suppressed(desk.world.a1) == []


@pytest.mark.parametrize("reason", ["blocked", "spamdetected", "authfailure", "speeding", "policyviolation"])
def test_what_lies_with_the_sender_does_not_count(desk: Desk, reason: str) -> None:
    """Nobody loses contacts because a block list has the sender."""
    for _ in range(USUAL.bounces + 1):
        _bounce(desk, replace(FULL, reason=reason))
    assert desk.suppressed(desk.world.a1) == []


def test_bounces_of_forgotten_people_are_nobodys(desk: Desk) -> None:
    """They have no address any more, and are not all one person: late bounces are noted, and suppress nobody."""
    for _ in range(USUAL.bounces + 1):
        sent = desk.send(desk.world.a1)
        with transaction(desk.world.a1.scope) as live:
            live.execute(sa.text("UPDATE message SET recipient = '', email_norm = '' WHERE id = :id"), {"id": sent.id})
        with transaction(desk.world.a1.scope):
            assert record_bounce(desk.world.a1.scope, sent.id, FULL, "bounce")
    assert desk.suppressed(desk.world.a1) == []


def test_a_delay_does_not_count(desk: Desk) -> None:
    """It is no bounce: the other server still tries."""
    for _ in range(USUAL.bounces + 1):
        _bounce(desk, replace(FULL, action=Action.DELAYED, class_=4))
    assert desk.suppressed(desk.world.a1) == []


def test_failures_of_one_lease_are_noted_together_and_once(desk: Desk) -> None:
    """Settling again changes nothing; another tenant's message is not touched."""
    scope = desk.world.a1.scope
    ids = [desk.send(desk.world.a1).id for _ in range(USUAL.bounces)]
    foreign = desk.send(desk.world.a2).id
    with transaction(scope):
        assert note(scope, [*ids, foreign], source="smtp") == USUAL.bounces
        assert note(scope, ids, source="smtp") == 0
        assert queries.count(scope, email_norm="ann@example.net") == USUAL.bounces
    assert len(desk.suppressed(desk.world.a1)) == 1
    assert desk.suppressed(desk.world.a2) == []
    with transaction(desk.world.a2.scope) as live:
        assert live.execute(sa.text("SELECT count(*) FROM message WHERE soft_bounced_at IS NOT NULL")).scalar_one() == 0


def test_a_tenant_sets_its_own_thresholds_within_the_resellers(desk: Desk) -> None:
    """Stricter, never laxer; another tenant keeps the usual ones."""
    a1, reseller = desk.world.a1.scope, desk.world.a.scope
    with transaction(a1):
        set_policy(a1, bounces=2, days=60)
    with transaction(reseller):
        set_bound(reseller, bounces=4, days=14)
    with transaction(a1):
        assert queries.policy(a1) == Policy(2, 60)
        for bounces, days in ((5, 60), (3, 13), (1, 60), (3, 91)):
            with pytest.raises(Invalid):
                set_policy(a1, bounces=bounces, days=days)
    with transaction(desk.world.a2.scope):
        assert queries.policy(desk.world.a2.scope) == Policy(4, 30)
    with transaction(desk.world.b1.scope):
        assert queries.policy(desk.world.b1.scope) == USUAL
    _bounce(desk)
    _bounce(desk)
    assert len(desk.suppressed(desk.world.a1)) == 1


def test_the_stricter_of_two_policies_applies() -> None:
    """In both figures."""
    assert applied(None, None) == USUAL
    assert applied(Policy(20, 7), None) == LAXEST
    assert applied(Policy(3, 7), Policy(8, 20)) == Policy(3, 20)


def test_every_reason_is_either_the_addresss_or_not() -> None:
    """Full counts, spam does not."""
    assert (counts("mailboxfull"), counts("spamdetected")) == (True, False)
