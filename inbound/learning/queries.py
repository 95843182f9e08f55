"""Read the learned rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from posthouse.inbound.learning.models import LearnedRule
from posthouse.inbound.permissions import READ_UNMATCHED
from posthouse.platform.db import session
from posthouse.platform.errors import missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope

RAW_SHOWN_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class RuleCard:
    """One rule. `sample` is the beginning of its evidence, to be shown as text; empty in lists."""

    id: int
    name: str
    phrase: str
    status: str
    sender: str
    kind: str
    reason: str
    final: bool
    state: str
    created_at: datetime
    activated_at: datetime | None
    sample: str = ""


_PLAIN = tuple(name for name in RuleCard.__dataclass_fields__ if name != "sample")


def list_rules(scope: Scope) -> tuple[RuleCard, ...]:
    """List all rules, newest first."""
    require(scope, READ_UNMATCHED)
    found = session(scope).scalars(sa.select(LearnedRule).order_by(LearnedRule.id.desc()).limit(500))
    return tuple(map(_card, found))


def get_rule(scope: Scope, *, rule_id: int) -> RuleCard:
    """One rule with its evidence. Raises: Missing."""
    require(scope, READ_UNMATCHED)
    row = session(scope).get(LearnedRule, rule_id)
    if row is None:
        raise missing("rule")
    return replace(_card(row), sample=row.sample[:RAW_SHOWN_BYTES].decode("utf-8", "replace"))


def _card(row: LearnedRule) -> RuleCard:
    return RuleCard(*(getattr(row, name) for name in _PLAIN))
