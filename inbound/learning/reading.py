"""Read a mail with the learned rules: what the mailroom asks."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import sqlalchemy as sa

from posthouse.inbound.learning.models import LearnedRule
from posthouse.inbound.learning.rules import VAGUE, Rule, apply
from posthouse.inbound.parsing import reading
from posthouse.inbound.parsing.cards import Understood
from posthouse.inbound.parsing.letter import read_letter
from posthouse.platform import clock
from posthouse.platform.app import running_app
from posthouse.platform.db import session, transaction
from posthouse.platform.scope import Scope, system

FRESH_SECONDS = 5.0
_EXTENSION = "posthouse_learned_rules"


@dataclass(slots=True)
class Book:
    """The active rules as this process knows them; read again after a few seconds."""

    rules: tuple[Rule, ...] = ()
    until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


def read(content: bytes, envelope_recipients: tuple[str, ...] = ()) -> Understood:
    """Understand a mail with the rules that are active. Opens its own transaction now and then. Raises what the database raises."""
    return with_rules(reading.read(content, envelope_recipients), content, active())


def with_rules(understood: Understood, content: bytes, rules: tuple[Rule, ...]) -> Understood:
    """Apply rules to what a mail was understood as: pure."""
    return apply(understood, rules, lambda: _words(content) if understood.kind in VAGUE else "")


def active() -> tuple[Rule, ...]:
    """The active rules, at most some seconds old. Must not be called inside a transaction."""
    book: Book = running_app().extensions.setdefault(_EXTENSION, Book())
    if clock.monotonic() < book.until:
        return book.rules
    with book.lock:
        scope = system("learned rules")
        with transaction(scope):
            book.rules = active_in(scope)
        book.until = clock.monotonic() + FRESH_SECONDS
    return book.rules


def forget() -> None:
    """Have the rules read again by the next who asks."""
    running_app().extensions.pop(_EXTENSION, None)


def active_in(scope: Scope) -> tuple[Rule, ...]:
    """Read the active rules in the open transaction."""
    columns = [getattr(LearnedRule, name) for name in Rule.__dataclass_fields__]
    found = session(scope).execute(sa.select(*columns).where(LearnedRule.state == "active").order_by(LearnedRule.id))
    return tuple(Rule(*row) for row in found)


def _words(content: bytes) -> str:
    letter = read_letter(content)
    return f"{letter.subject} {letter.text}"
