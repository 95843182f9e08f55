"""Make a rule from a mail, try it on everything that is kept, and let it count: the only place that changes the rules' table."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from posthouse.inbound.learning.models import LearnedRule
from posthouse.inbound.learning.reading import active_in, with_rules
from posthouse.inbound.learning.rules import Rule, clean, gist
from posthouse.inbound.mailroom.models import UnmatchedMail
from posthouse.inbound.parsing.reading import read
from posthouse.inbound.permissions import SORT_UNMATCHED
from posthouse.platform import audit, clock
from posthouse.platform.db import session
from posthouse.platform.errors import Conflict, Invalid, missing
from posthouse.platform.jobs import enqueue
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope

SORT_AGAIN = "inbound.sort_again"
LOOKED_AT = 1_000
LOOK_SECONDS = 5.0
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Change:
    """A kept mail that a rule would see differently. `says`: what a person said that it was, or empty."""

    mail_id: int
    subject: str
    before: str
    after: str
    says: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What a rule does to its own sample and to others. `broken` are other rules whose evidence it would change."""

    before: str
    after: str
    looked_at: int
    changes: tuple[Change, ...]
    changed: int
    broken: tuple[str, ...]

    @property
    def works(self) -> bool:
        """Does it decide its own sample and harm no other rule?"""
        return self.before != self.after and not self.broken


def make_rule(scope: Scope, *, mail_id: int, name: str, rule: Rule) -> int:
    """Make a rule from an unmatched mail, which is kept as its evidence; it counts once it is activated. Raises: Invalid, Missing."""
    require(scope, SORT_UNMATCHED)
    rule = clean(rule)
    live = session(scope)
    mail = live.get(UnmatchedMail, mail_id)
    if mail is None:
        raise missing("unmatched mail")
    facts = {part: getattr(rule, part) for part in Rule.__dataclass_fields__ if part != "id"}
    row = LearnedRule(
        name=name.strip()[:100] or rule.phrase[:100], state="draft", sample=mail.raw, sample_of=mail.id, made_by=scope.actor.id, **facts
    )
    live.add(row)
    live.flush()
    audit.record(
        scope, verb="learned_rule.made", subject="learned_rule", subject_id=row.id, phrase=rule.phrase, kind=rule.kind, reason=rule.reason
    )
    return row.id


def try_rule(scope: Scope, *, rule_id: int) -> Trial:
    """See what a rule would change among its own sample, the other rules' and the newest kept mails; changes nothing. Raises: Missing."""
    require(scope, SORT_UNMATCHED)
    row = _row(scope, rule_id)
    others = tuple(rule for rule in active_in(scope) if rule.id != rule_id)
    own = _card(row)
    both = tuple(sorted((*others, own), key=lambda one: one.id))
    before, after = _seen(row.sample, others), _seen(row.sample, both)
    changes, looked = _changes(scope, others, both, row.sample_of)
    return Trial(before, after, looked, tuple(changes[:SHOWN]), len(changes), _broken(scope, rule_id, others, both))


def activate(scope: Scope, *, rule_id: int) -> None:
    """Let a rule count, and have the waiting mail sorted again. Raises: Missing, Conflict when it doesn't work or breaks another."""
    require(scope, SORT_UNMATCHED)
    row = _row(scope, rule_id)
    if row.state == "active":
        return
    if not row.sample:
        raise Conflict(
            "rule_without_evidence", "The mail that it was made from was forgotten with the person whom it names. Make a new rule."
        )
    trial = try_rule(scope, rule_id=rule_id)
    if trial.broken:
        raise Conflict("rule_breaks_others", f"It would change the evidence of: {', '.join(trial.broken)}. Make its words more exact.")
    if not trial.works:
        raise Conflict(
            "rule_does_nothing",
            "It doesn't decide the mail that it was made from: its words, code or domain don't fit, or another rule comes first.",
        )
    row.state, row.activated_at = "active", clock.now()
    session(scope).flush()
    enqueue(scope, SORT_AGAIN, key=f"{rule_id}:0", rule_id=rule_id, after=0)
    audit.record(scope, verb="learned_rule.activated", subject="learned_rule", subject_id=rule_id)


def retire(scope: Scope, *, rule_id: int) -> None:
    """Let a rule count no more; what it decided stays decided. Raises: Missing."""
    require(scope, SORT_UNMATCHED)
    row = _row(scope, rule_id)
    row.state = "retired"
    session(scope).flush()
    audit.record(scope, verb="learned_rule.retired", subject="learned_rule", subject_id=rule_id)


def delete_rule(scope: Scope, *, rule_id: int) -> None:
    """Throw a rule away that doesn't count. Raises: Missing, Invalid while it counts."""
    require(scope, SORT_UNMATCHED)
    row = _row(scope, rule_id)
    if row.state == "active":
        raise Invalid("rule_active", "Retire the rule first.")
    session(scope).delete(row)
    session(scope).flush()
    audit.record(scope, verb="learned_rule.deleted", subject="learned_rule", subject_id=rule_id)


def _changes(scope: Scope, others: tuple[Rule, ...], both: tuple[Rule, ...], own: int | None) -> tuple[list[Change], int]:
    until, changes, looked = clock.monotonic() + LOOK_SECONDS, [], 0
    query = sa.select(UnmatchedMail.id, UnmatchedMail.subject, UnmatchedMail.said_kind, UnmatchedMail.raw).order_by(UnmatchedMail.id.desc())
    for mail in session(scope).execute(query.limit(LOOKED_AT).execution_options(yield_per=1)):
        if clock.monotonic() > until:
            break
        looked += 1
        before, after = _seen(mail.raw, others), _seen(mail.raw, both)
        if before != after and mail.id != own:
            changes.append(Change(mail.id, mail.subject, before, after, mail.said_kind or ""))
    return changes, looked


def _broken(scope: Scope, rule_id: int, others: tuple[Rule, ...], both: tuple[Rule, ...]) -> tuple[str, ...]:
    query = sa.select(LearnedRule.name, LearnedRule.sample).where(LearnedRule.state == "active", LearnedRule.id != rule_id)
    return tuple(name for name, sample in session(scope).execute(query) if sample and _seen(sample, others) != _seen(sample, both))


def _seen(raw: bytes, rules: tuple[Rule, ...]) -> str:
    return gist(with_rules(read(raw), raw, rules))


def _row(scope: Scope, rule_id: int) -> LearnedRule:
    row = session(scope).get(LearnedRule, rule_id)
    if row is None:
        raise missing("rule")
    return row


def _card(row: LearnedRule) -> Rule:
    return Rule(*(getattr(row, name) for name in Rule.__dataclass_fields__))
