"""A mail that nobody understood becomes a rule: tried first, then counting, and what waits is sorted again once."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from desk import Desk, Sent

from posthouse.inbound.learning import jobs, queries, reading, services
from posthouse.inbound.learning.rules import Rule
from posthouse.inbound.mailroom import queries as mailroom
from posthouse.inbound.mailroom.erasure import forget_mail
from posthouse.platform.db import transaction
from posthouse.platform.errors import Conflict, Forbidden, Invalid, Missing
from posthouse.platform.scope import system
from posthouse.sending.messages.events import MessagesForgotten

RULE = Rule(0, "the pigeon has found nobody", "", "", "bounce", "userunknown", final=True)


def _strange(desk: Desk, sent: Sent | None = None, words: str = "the pigeon has found nobody at home") -> None:
    to = f"{sent.token}@bounce.mail.example" if sent else "bounces@mail.example"
    desk.hand_in(f"From: Loft <loft@birds.example>\nSubject: Pigeon news\n\nDear sender, {words}.\n".encode(), to)


def _waiting(desk: Desk) -> list[mailroom.MailCard]:
    with transaction(desk.world.operator):
        return list(mailroom.list_unmatched(desk.world.operator).cards)


def _make(desk: Desk, mail_id: int, rule: Rule = RULE) -> int:
    with transaction(desk.world.operator):
        return services.make_rule(desk.world.operator, mail_id=mail_id, name="", rule=rule)


def _try(desk: Desk, rule_id: int) -> services.Trial:
    with transaction(desk.world.operator):
        return services.try_rule(desk.world.operator, rule_id=rule_id)


def _activate(desk: Desk, rule_id: int) -> None:
    with transaction(desk.world.operator):
        services.activate(desk.world.operator, rule_id=rule_id)


def _run_again(rule_id: int) -> None:
    jobs.sort_again(system("test"), rule_id=rule_id, after=0)


def test_what_nobody_understood_waits_although_its_tenant_is_known(desk: Desk) -> None:
    """The tenant has its mail, without effect; the operator has a copy to learn from."""
    sent = desk.send(desk.world.a1)
    _strange(desk, sent)
    assert desk.mail(desk.world.a1) == [("other", "none", sent.id)]
    (card,) = _waiting(desk)
    assert (card.kind, card.effect) == ("other", "not-understood")


def test_a_rule_from_it_sorts_it_again_with_its_effect_once(desk: Desk) -> None:
    """The waiting one and the next one; the job run twice; the tenant's mail is the same row."""
    first, second = desk.send(desk.world.a1), desk.send(desk.world.a1, "bob@example.net")
    _strange(desk, first)
    (card,) = _waiting(desk)
    rule_id = _make(desk, card.id)
    trial = _try(desk, rule_id)
    assert (trial.works, trial.before, trial.after, trial.changed) == (True, "other", "bounce: userunknown (failed)", 0)
    assert desk.marks(first)[0] is False, "trying changes nothing"
    _activate(desk, rule_id)
    _run_again(rule_id)
    _run_again(rule_id)
    assert desk.mail(desk.world.a1) == [("bounce", "bounced", first.id)]
    assert desk.marks(first)[:3] == (True, "userunknown", True)
    assert _waiting(desk) == []
    _strange(desk, second)
    assert desk.marks(second)[0] is True
    assert _waiting(desk) == []
    assert len(desk.suppressed(desk.world.a1)) == 2


_CHECKED = "understood || jsonb_build_object('checks', jsonb_build_array(jsonb_build_object('method', 'spf')))"


def _checks(desk: Desk, table: str) -> list[tuple[object, ...]]:
    with transaction(desk.world.a1.scope) as live:
        return [
            tuple(row) for row in live.execute(sa.text(f"SELECT rule, understood -> 'checks' -> 0 ->> 'method' FROM {table} ORDER BY id"))
        ]


def test_sorting_again_keeps_what_was_checked_and_rewrites_nothing_else(desk: Desk) -> None:
    """Authentication was examined when the mail came; a mail that the rule does not concern stays as it is."""
    first = desk.send(desk.world.a1)
    _strange(desk, first)
    _strange(desk, desk.send(desk.world.a1, "bob@example.net"), "the owl is asleep")
    with transaction(desk.world.a1.scope) as live:
        for table in ("inbound_mail", "unmatched_mail"):
            live.execute(sa.text(f"UPDATE {table} SET understood = {_CHECKED}"))
    with transaction(desk.world.operator) as live:
        before = dict(live.execute(sa.text("SELECT id, xmin::text FROM unmatched_mail")).all())
    pigeon, owl = sorted(before)
    rule_id = _make(desk, pigeon)
    _activate(desk, rule_id)
    _run_again(rule_id)
    assert desk.marks(first)[0]
    for table in ("inbound_mail", "unmatched_mail"):
        assert [method for _, method in _checks(desk, table)] == ["spf", "spf"]
    with transaction(desk.world.operator) as live:
        after = dict(live.execute(sa.text("SELECT id, xmin::text FROM unmatched_mail")).all())
    assert (after[pigeon] != before[pigeon], after[owl]) == (True, before[owl])


def test_mail_that_names_nobody_is_named_but_changes_nothing(desk: Desk) -> None:
    """A rule gives no token: it says what a mail is, never whose."""
    _strange(desk)
    (card,) = _waiting(desk)
    rule_id = _make(desk, card.id)
    _activate(desk, rule_id)
    _run_again(rule_id)
    (card,) = _waiting(desk)
    assert (card.kind, card.effect) == ("bounce", "no-token")


def test_a_trial_shows_what_else_would_change(desk: Desk) -> None:
    """Other waiting mails, with what a person said of them."""
    _strange(desk)
    _strange(desk, words="the pigeon has found nobody, but tries again tomorrow")
    _strange(desk, words="all is well")
    mine = _waiting(desk)[-1]
    trial = _try(desk, _make(desk, mine.id))
    assert (trial.changed, trial.looked_at) == (1, 3)
    assert (trial.changes[0].before, trial.changes[0].after) == ("other", "bounce: userunknown (failed)")


def test_a_rule_that_misses_its_mail_or_breaks_another_is_not_activated(desk: Desk) -> None:
    """Its own sample must be decided by it, and the evidence of the others must stay what it is."""
    _strange(desk)
    _strange(desk, words="the pigeon has found nobody who can read")
    one, two = reversed(_waiting(desk))
    misses = _make(desk, one.id, Rule(0, "something else entirely", "", "", "bounce", "userunknown", final=True))
    with pytest.raises(Conflict, match="doesn't decide"):
        _activate(desk, misses)
    wide = _make(desk, one.id)
    exact = _make(desk, two.id, Rule(0, "nobody who can read", "", "", "bounce", "contenterror", final=True))
    _activate(desk, exact)
    with pytest.raises(Conflict, match="evidence of"):
        _activate(desk, wide)
    assert (_rules(desk)[0].id, _rules(desk)[0].state) == (exact, "active")


def _rules(desk: Desk) -> tuple[queries.RuleCard, ...]:
    with transaction(desk.world.operator):
        return queries.list_rules(desk.world.operator)


def test_a_retired_rule_counts_no_more_and_can_be_deleted(desk: Desk) -> None:
    """What it decided stays; its evidence is kept until then."""
    _strange(desk)
    rule_id = _make(desk, _waiting(desk)[0].id)
    _activate(desk, rule_id)
    with transaction(desk.world.operator):
        with pytest.raises(Invalid):
            services.delete_rule(desk.world.operator, rule_id=rule_id)
        assert "pigeon" in queries.get_rule(desk.world.operator, rule_id=rule_id).sample
        services.retire(desk.world.operator, rule_id=rule_id)
    reading.forget()
    sent = desk.send(desk.world.a1)
    _strange(desk, sent)
    assert desk.marks(sent)[0] is False
    with transaction(desk.world.operator):
        services.delete_rule(desk.world.operator, rule_id=rule_id)
        with pytest.raises(Missing):
            queries.get_rule(desk.world.operator, rule_id=rule_id)


def test_only_the_operators_people_make_rules(desk: Desk) -> None:
    """A tenant's or reseller's rule would decide about others' mail."""
    _strange(desk)
    mail_id = _waiting(desk)[0].id
    for place in (desk.world.a, desk.world.a1):
        with transaction(place.scope), pytest.raises(Forbidden):
            services.make_rule(place.scope, mail_id=mail_id, name="", rule=RULE)
    with transaction(desk.world.operator), pytest.raises(Missing):
        services.make_rule(desk.world.operator, mail_id=1, name="", rule=RULE)


def test_the_copy_of_a_forgotten_persons_mail_goes_with_it(desk: Desk) -> None:
    """The operator's copy is no hiding place."""
    sent = desk.send(desk.world.a1)
    _strange(desk, sent)
    with transaction(system("test")) as live:
        assert live.execute(sa.text("SELECT about_message_id FROM unmatched_mail")).scalar_one() == sent.id
    forget_mail(desk.world.a1.scope, MessagesForgotten(message_ids=[sent.id]))
    assert _waiting(desk) == []


def test_a_bounce_that_says_no_reason_counts_at_once_and_waits_to_be_learned_from(desk: Desk) -> None:
    """It has its effect; the rule gives the next one its reason, and the waiting one none a second time."""
    first, second = desk.send(desk.world.a1), desk.send(desk.world.a1, "bob@example.net")

    def bounce(sent: Sent) -> None:
        text = f"From: MAILER-DAEMON@x.example\nSubject: failure notice\n\n<{sent.token}@x.example>:\n550 zorblax quux frobnicated today\n"
        desk.hand_in(text.encode(), f"{sent.token}@bounce.mail.example")

    bounce(first)
    assert desk.marks(first)[0] is True
    (card,) = _waiting(desk)
    assert (card.kind, card.effect) == ("bounce", "not-understood")
    rule_id = _make(desk, card.id, Rule(0, "zorblax quux frobnicated", "", "", "bounce", "mailboxfull", final=True))
    _activate(desk, rule_id)
    _run_again(rule_id)
    assert _waiting(desk) == []
    assert desk.mail(desk.world.a1) == [("bounce", "bounced", first.id)]
    bounce(second)
    assert desk.marks(second)[:2] == (True, "mailboxfull")
