"""Read mail that came in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from posthouse.inbound.mailroom.models import InboundMail, UnmatchedMail
from posthouse.inbound.parsing.cards import Understood
from posthouse.inbound.permissions import READ_INBOUND, READ_UNMATCHED
from posthouse.platform.db import session
from posthouse.platform.errors import missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope

MAX_PAGE = 200
RAW_SHOWN_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class MailCard:
    """One mail in a list. `effect` says what it changed; for unmatched mail it is why nobody owns it."""

    id: int
    received_at: datetime
    kind: str
    effect: str
    author: str
    recipient: str
    subject: str
    message_id: int | None
    said_kind: str | None


@dataclass(frozen=True, slots=True)
class OutcomeCard:
    """What a report said of one recipient."""

    recipient: str | None
    action: str
    status: str | None
    reason: str
    hard: bool
    suppress: bool
    text: str
    rule: str


@dataclass(frozen=True, slots=True)
class CheckCard:
    """What one check of the mail's authentication showed: `of` which domain, and why; either may be empty."""

    method: str
    result: str
    of: str
    why: str


@dataclass(frozen=True, slots=True)
class MailDetail:
    """One mail with what was understood. `raw` is its beginning, to be shown as text and never as HTML."""

    card: MailCard
    sender: str
    peer: str
    rule: str
    automatic: bool
    outcomes: tuple[OutcomeCard, ...]
    feedback_kind: str | None
    trouble: str | None
    size_bytes: int
    raw: str
    checks: tuple[CheckCard, ...]


@dataclass(frozen=True, slots=True)
class MailPage:
    """Mail, newest first; `before` goes on, None at the end."""

    cards: tuple[MailCard, ...]
    before: int | None


def list_mail(
    scope: Scope, *, kind: str | None = None, message_id: int | None = None, before: int | None = None, limit: int = 50
) -> MailPage:
    """List the tenant's mail, newest first. `kind` and `message_id` narrow it down; None takes all."""
    require(scope, READ_INBOUND)
    query = sa.select(InboundMail).where(InboundMail.tenant_id == scope.tenant)
    if kind is not None:
        query = query.where(InboundMail.kind == kind)
    if message_id is not None:
        query = query.where(InboundMail.message_id == message_id)
    if before is not None:
        query = query.where(InboundMail.id < before)
    size = max(1, min(limit, MAX_PAGE))
    rows = list(session(scope).scalars(query.order_by(InboundMail.id.desc()).limit(size + 1)))
    return MailPage(tuple(_matched(row) for row in rows[:size]), rows[size - 1].id if len(rows) > size else None)


def get_mail(scope: Scope, *, mail_id: int) -> MailDetail:
    """One of the tenant's mails. Raises: Missing."""
    require(scope, READ_INBOUND)
    row = session(scope).get(InboundMail, (scope.tenant, mail_id))
    if row is None:
        raise missing("inbound mail")
    return _detail(_matched(row), row)


def list_unmatched(scope: Scope, *, waiting_only: bool = True, before: int | None = None, limit: int = 50) -> MailPage:
    """List mail that belongs to nobody known, newest first, for the operator; `waiting_only` leaves out what a person has judged."""
    require(scope, READ_UNMATCHED)
    query = sa.select(UnmatchedMail)
    if waiting_only:
        query = query.where(UnmatchedMail.said_at.is_(None), UnmatchedMail.settled_at.is_(None))
    if before is not None:
        query = query.where(UnmatchedMail.id < before)
    size = max(1, min(limit, MAX_PAGE))
    rows = list(session(scope).scalars(query.order_by(UnmatchedMail.id.desc()).limit(size + 1)))
    return MailPage(tuple(_unmatched(row) for row in rows[:size]), rows[size - 1].id if len(rows) > size else None)


def get_unmatched(scope: Scope, *, mail_id: int) -> MailDetail:
    """One mail that belongs to nobody known. Raises: Missing."""
    require(scope, READ_UNMATCHED)
    row = session(scope).get(UnmatchedMail, mail_id)
    if row is None:
        raise missing("unmatched mail")
    return _detail(_unmatched(row), row)


def count_unmatched(scope: Scope) -> dict[str, int]:
    """How many mails nobody owned, by why; forged ones are counted here."""
    require(scope, READ_UNMATCHED)
    found = session(scope).execute(sa.select(UnmatchedMail.why, sa.func.count()).group_by(UnmatchedMail.why))
    return {row[0]: row[1] for row in found}


def outcome_cards(understood: Understood) -> tuple[OutcomeCard, ...]:
    """What an understood mail says of each recipient."""
    return tuple(OutcomeCard(*(getattr(one, name) for name in OutcomeCard.__annotations__)) for one in understood.outcomes[:20])


def _matched(row: InboundMail) -> MailCard:
    return MailCard(row.id, row.received_at, row.kind, row.effect, row.author, row.recipient, row.subject, row.message_id, None)


def _unmatched(row: UnmatchedMail) -> MailCard:
    return MailCard(row.id, row.received_at, row.kind, row.why, row.author, row.recipient, row.subject, None, row.said_kind)


def _detail(card: MailCard, row: InboundMail | UnmatchedMail) -> MailDetail:
    facts: dict[str, Any] = row.understood
    return MailDetail(
        card=card,
        sender=row.sender,
        peer=row.peer,
        rule=row.rule,
        automatic=bool(facts.get("automatic")),
        outcomes=tuple(_outcome(one) for one in facts.get("outcomes", [])),
        feedback_kind=(facts.get("feedback") or {}).get("kind"),
        trouble=row.trouble,
        size_bytes=row.size_bytes,
        raw=row.raw[:RAW_SHOWN_BYTES].decode("utf-8", "replace"),
        checks=tuple(CheckCard(one["method"], one["result"], one["of"], one["why"]) for one in facts.get("checks", [])),
    )


def _outcome(facts: dict[str, Any]) -> OutcomeCard:
    return OutcomeCard(
        facts["recipient"],
        facts["action"],
        facts["status"],
        facts["reason"],
        facts["hard"],
        facts["suppress"],
        facts["text"],
        facts["rule"],
    )
