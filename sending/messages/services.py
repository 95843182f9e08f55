"""Note what came back about a message: each outcome once, whoever repeats the report."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.events import emit
from posthouse.platform.scope import Scope
from posthouse.platform.together import together, write_now
from posthouse.sending.campaigns import counting
from posthouse.sending.campaigns.counting import Tally
from posthouse.sending.messages import history
from posthouse.sending.messages.events import MessageBounced, MessageComplained
from posthouse.sending.messages.history import Happening
from posthouse.sending.messages.models import Message
from posthouse.sending.replies.cards import Action, Classification
from posthouse.sending.softbounces import services as softbounces
from posthouse.sending.softbounces.rules import counts
from posthouse.sending.standing import services as standing
from posthouse.tenants.suppressions.services import Wish, lift_complaint, suppress_all

_HELD = "messages.held"
_IDS = ARRAY(sa.BigInteger)


def record_bounce(scope: Scope, message_id: int, found: Classification, source: str, *, text: str = "") -> bool:
    """Note that a report calls a message undelivered; returns False where there is no such message or it was noted before.

    A report of a delay goes to the history only. Suppresses the address where the classification says so, or where it bounced softly too often. Of a message whose
    recipient was forgotten nothing is kept but that it came back.
    """
    row = _locked(scope, message_id)
    if row is None:
        return False
    if found.action is not Action.FAILED:
        _history(scope, row, "delayed", found.class_ or None, text or found.reason)
        return False
    if row.bounced_at is not None:
        return False
    if found.hard and not row.hard:
        standing.count(scope, stream=row.stream, sent_at=row.settled_at or row.created_at, bounces=1)
    row.bounced_at, row.bounce_reason, row.hard = clock.now(), found.reason, row.hard or found.hard
    _history(scope, row, "bounced", None, text or found.reason)
    _count(scope, row, counting.BOUNCED)
    if found.suppress and row.email_norm:
        together(scope, suppress_all, Wish(row.email_norm, "hard_bounce", source, message_id), turn=1)
    elif not found.hard and counts(found.reason):
        together(scope, _note_soft, (message_id, source), turn=1)
    emit(scope, MessageBounced(message_id=message_id, hard=found.hard, reason=found.reason))
    return True


def record_complaint(scope: Scope, message_id: int, source: str, *, text: str = "", counts: bool = True) -> bool:
    """Note that the recipient called a message unwanted, and write to them no more; returns False when it was noted before.

    `counts`: it comes from a source whose complaints worsen the tenant's standing. One that was noted without counts when such a source says it.
    """
    row = _locked(scope, message_id)
    if row is None:
        return False
    if counts and not row.complaint_counts:
        row.complaint_counts = True
        standing.count(scope, stream=row.stream, sent_at=row.settled_at or row.created_at, complaints=1)
    if row.complained_at is not None:
        return False
    row.complained_at = clock.now()
    _history(scope, row, "complained", None, text)
    _count(scope, row, counting.COMPLAINED)
    if row.email_norm:
        together(scope, suppress_all, Wish(row.email_norm, "complaint", source, message_id), turn=1)
    emit(scope, MessageComplained(message_id=message_id))
    return True


def take_back_complaint(scope: Scope, message_id: int, *, text: str = "") -> bool:
    """End the suppression that a complaint about this message made (RFC 6430); the complaint stays in the history and the counts.

    Returns False when there is nothing to take back; may be repeated.
    """
    row = _locked(scope, message_id)
    write_now(scope, suppress_all)  # the complaint may have come a moment before, in the same transaction
    if row is None or not lift_complaint(scope, email_norm=row.email_norm, message_id=message_id):
        return False
    _history(scope, row, "not_spam", None, text)
    return True


def _note_soft(scope: Scope, bounces: list[tuple[int, str]]) -> None:
    for source in sorted({source for _, source in bounces}):
        softbounces.note(scope, [message_id for message_id, by in bounces if by == source], source=source)


def lock(scope: Scope, message_ids: Sequence[int]) -> None:
    """Lock messages until the transaction's end, all at once and in one order, since something is to be noted about each of them."""
    query = sa.select(Message).where(Message.tenant_id == scope.tenant, Message.id == sa.any_(sa.literal(sorted(message_ids), _IDS)))
    held = session(scope).scalars(query.order_by(Message.id).with_for_update()).all()
    session(scope).info[_HELD] = {row.id: row for row in held}


def _locked(scope: Scope, message_id: int) -> Message | None:
    held: dict[int, Message] = session(scope).info.get(_HELD, {})
    if message_id in held:
        return held[message_id]
    query = sa.select(Message).where(Message.tenant_id == scope.tenant, Message.id == message_id)
    return session(scope).scalars(query.with_for_update()).one_or_none()


def _history(scope: Scope, row: Message, kind: str, code: int | None, text: str) -> None:
    # What others wrote may name a person who is forgotten.
    kept = text[:500] if row.email_norm else ""
    together(scope, history.add, Happening(row.id, kind, clock.now(), kept, code), turn=4)


def _count(scope: Scope, row: Message, kind: str) -> None:
    if row.campaign_id is not None:
        together(scope, counting.add, Tally(campaign_id=row.campaign_id, kind=kind, at=clock.now(), domain=row.domain), turn=2)
