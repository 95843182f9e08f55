"""A person brings a mail and asks what it is: the answer is the mailroom's own, looking changes nothing, applying counts once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from desk import Desk, Sent
from letters import ARF, DSN, VACATION
from world import Place

from posthouse.inbound.inspection import services
from posthouse.platform.db import transaction
from posthouse.platform.errors import Forbidden, Invalid, Missing
from posthouse.platform.scope import Scope, system


def _dsn(sent: Sent, action: str = "failed") -> bytes:
    return DSN.format(to=f"{sent.token}@bounce.mail.example", action=action, token=sent.token).encode()


def _arf(sent: Sent, kind: str = "abuse") -> bytes:
    return ARF.format(kind=kind, token=sent.token, extra="").encode()


def _run_jobs() -> None:
    with transaction(system("test")) as live:
        waiting = live.scalars(sa.text("SELECT id FROM brought_mail")).all()
    for brought_id in waiting * 2:
        services.sort_brought(system("test"), brought_id=brought_id)


def test_it_says_everything_about_a_bounce_and_changes_nothing(desk: Desk) -> None:
    """Kind, rule, outcome with the deciding text and its rule, whose message, and what it would do."""
    sent = desk.send(desk.world.a1)
    found = services.inspect(desk.world.a1.scope, _dsn(sent))
    assert (found.kind, found.rule, found.whose, found.message_id, found.recipient) == (
        "bounce",
        "delivery-status",
        "ours",
        sent.id,
        "ann@example.net",
    )
    (one,) = found.outcomes
    assert (one.status, one.reason, one.hard, one.suppress) == ("5.1.1", "userunknown", True, True)
    assert "no such user" in one.text
    assert one.rule
    assert found.would == "bounced"
    assert (desk.mail(desk.world.a1), desk.unmatched(), desk.marks(sent)[0]) == ([], [], False)


def test_nobody_sees_whose_it_is_but_its_own(desk: Desk) -> None:
    """A foreign tenant or reseller gets the answer for mail about nothing; the operator and its own reseller see the owner."""
    world = desk.world
    mail = _dsn(desk.send(world.a1))
    seen = {}
    for name, scope in {
        "a1": world.a1.scope,
        "a2": world.a2.scope,
        "a": world.a.scope,
        "b": world.b.scope,
        "operator": world.operator,
    }.items():
        found = services.inspect(scope, mail)
        seen[name] = found.whose
        if found.whose == "nobody":
            assert (found.owner, found.message_id, found.recipient, found.would) == ("", None, "", None)
    assert seen == {"a1": "ours", "a2": "nobody", "a": "ours", "b": "nobody", "operator": "ours"}


@pytest.mark.parametrize("by", ["a1", "a", "operator"])
def test_applying_has_the_effect_once(desk: Desk, by: str) -> None:
    """Twice pressed, its job run twice, and the same mail by SMTP afterwards: one effect."""
    sent = desk.send(desk.world.a1)
    scope: Scope = desk.world.operator if by == "operator" else getattr(desk.world, by).scope
    for _ in range(2):
        services.apply(scope, _dsn(sent))
        _run_jobs()
    assert desk.marks(sent)[:3] == (True, "userunknown", True)
    assert [row[1] for row in desk.mail(desk.world.a1)] == ["bounced"]
    desk.hand_in(_dsn(sent), f"{sent.token}@bounce.mail.example")
    assert [row[1] for row in desk.mail(desk.world.a1)] == ["bounced", "repeated"]
    assert len(desk.suppressed(desk.world.a1)) == 1
    with transaction(system("test")) as live:
        assert live.execute(sa.text("SELECT count(*) FROM brought_mail")).scalar_one() == 0


def test_foreign_and_forged_mail_cannot_be_applied(desk: Desk) -> None:
    """Not yours and not there are the same refusal; a made-up token is no token."""
    sent = desk.send(desk.world.a1)
    forged = _dsn(sent).replace(sent.token.encode(), b"a" * len(sent.token))
    for scope, mail in ((desk.world.a2.scope, _dsn(sent)), (desk.world.b.scope, _dsn(sent)), (desk.world.a1.scope, forged)):
        with pytest.raises(Missing, match="no message of yours"):
            services.apply(scope, mail)
    assert services.inspect(desk.world.a1.scope, forged).whose == "forged"
    assert desk.marks(sent)[0] is False


@pytest.mark.parametrize(
    ("letter", "first", "then"),
    [
        (lambda sent: _dsn(sent, "delayed"), "none", "none"),
        (_arf, "complained", "repeated"),
        (lambda sent: _arf(sent, "not-spam"), "none", "none"),
        (lambda sent: _arf(sent, "auth-failure"), "none", "none"),
        (lambda sent: _arf(sent, "opt-out"), "unsubscribed", "unsubscribed"),
        (_dsn, "bounced", "repeated"),
    ],
)
def test_what_it_foretells_comes_true(desk: Desk, letter, first: str, then: str) -> None:
    """The mailroom itself is asked afterwards, twice."""
    sent, place = desk.send(desk.world.a1), desk.world.a1
    for wanted, to in ((first, "one"), (then, "two")):
        mail = letter(sent)
        assert services.inspect(place.scope, mail).would == wanted
        desk.hand_in(mail, f"{to}@mail.example")
        assert desk.mail(place)[-1][1] == wanted


def test_late_and_unsent_messages_are_foretold(desk: Desk) -> None:
    """Nothing would happen, and it says why."""
    place: Place = desk.world.a1
    assert services.inspect(place.scope, _dsn(desk.send(place, ago=timedelta(days=30)))).would == "late"
    assert services.inspect(place.scope, _dsn(desk.send(place, state="queued"))).would == "no-such-message"


def test_other_mail_is_named_too(desk: Desk) -> None:
    """An automatic answer is about nobody's message."""
    found = services.inspect(
        desk.world.a1.scope, VACATION.format(token="x", subject="Out of office", extra="Auto-Submitted: auto-replied\n").encode()
    )
    assert (found.kind, found.whose, found.would) == ("autoreply", "nobody", None)


@pytest.mark.parametrize("content", [b"", b"  \n", b"x" * 1_000_001])
def test_empty_and_huge_mail_is_refused_with_words(desk: Desk, content: bytes) -> None:
    """Nothing is half taken."""
    with pytest.raises(Invalid):
        services.inspect(desk.world.a1.scope, content)


def test_looking_may_be_allowed_without_applying(desk: Desk) -> None:
    """Support may look; counting needs another permission."""
    sent = desk.send(desk.world.a1)
    only_look = replace(desk.world.a1.scope, permissions=frozenset({"inbound:read"}))
    assert services.inspect(only_look, _dsn(sent)).would == "bounced"
    with pytest.raises(Forbidden):
        services.apply(only_look, _dsn(sent))
