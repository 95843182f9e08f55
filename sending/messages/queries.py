"""Read single messages and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from posthouse.platform.db import session
from posthouse.platform.errors import missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.campaigns.models import CampaignRevision
from posthouse.sending.messages.models import Message, MessageEvent, MessageTag

MAX_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCard:
    """One message. `settled_at` None: not final yet; then `not_before` says when it is tried next. No `recipient`: they were forgotten."""

    id: int
    campaign_id: int | None
    contact_id: int | None
    recipient: str
    stream: str
    state: str
    reason: str
    attempts: int
    not_before: datetime
    created_at: datetime
    settled_at: datetime | None
    reply_code: int | None
    reply_status: str | None
    reply_text: str | None
    hard: bool
    bounced_at: datetime | None
    bounce_reason: str | None
    complained_at: datetime | None


@dataclass(frozen=True, slots=True)
class EventCard:
    """One thing that happened to a message. `place` is its place in the feed of events."""

    id: int
    message_id: int
    kind: str
    at: datetime
    code: int | None
    text: str
    place: tuple[int, int]


_FIELDS = tuple(MessageCard.__dataclass_fields__)
_COLUMNS = [getattr(Message, name) for name in _FIELDS]


def get_message(scope: Scope, message_id: int) -> MessageCard:
    """Return one message. Raises: Missing."""
    require(scope, permissions.READ_MESSAGES)
    query = sa.select(*_COLUMNS).where(Message.tenant_id == scope.tenant, Message.id == message_id)
    row = session(scope).execute(query).mappings().one_or_none()
    if row is None:
        raise missing("message")
    return MessageCard(**row)


def get_messages(scope: Scope, message_ids: Sequence[int]) -> list[MessageCard]:
    """Return those of the messages that there are, oldest first."""
    require(scope, permissions.READ_MESSAGES)
    query = sa.select(*_COLUMNS).where(Message.tenant_id == scope.tenant, Message.id.in_(message_ids)).order_by(Message.id)
    return [MessageCard(**row) for row in session(scope).execute(query).mappings()]


def forgotten_of(scope: Scope, message_ids: Sequence[int]) -> frozenset[int]:
    """Return those of the messages whose recipients were forgotten; unknown messages are left out."""
    if not message_ids:
        return frozenset()
    wanted = Message.id == sa.any_(sa.literal(list(message_ids), ARRAY(sa.BigInteger)))
    return frozenset(
        session(scope).scalars(sa.select(Message.id).where(Message.tenant_id == scope.tenant, wanted, Message.email_norm == ""))
    )


@dataclass(frozen=True, slots=True)
class WriterCard:
    """As whom a message was written."""

    name: str
    address: str


def writer_of(scope: Scope, message_id: int) -> WriterCard:
    """Return as whom a message was written. Raises: Missing."""
    require(scope, permissions.READ_MESSAGES)
    query = (
        sa.select(CampaignRevision.from_name, CampaignRevision.from_address)
        .join(Message, sa.and_(Message.tenant_id == CampaignRevision.tenant_id, Message.revision_id == CampaignRevision.id))
        .where(Message.tenant_id == scope.tenant, Message.id == message_id)
    )
    row = session(scope).execute(query).one_or_none()
    if row is None:
        raise missing("message")
    return WriterCard(row[0], row[1])


def list_messages(
    scope: Scope,
    *,
    campaign_id: int | None = None,
    contact_id: int | None = None,
    tag: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[MessageCard]:
    """List messages, newest first; None doesn't narrow. `before` is the last id of the page before."""
    require(scope, permissions.READ_MESSAGES)
    query = sa.select(*_COLUMNS).where(Message.tenant_id == scope.tenant)
    if campaign_id is not None:
        query = query.where(Message.campaign_id == campaign_id)
    if contact_id is not None:
        # Of a tenant that came after its statistics the planner would expect a single message, and read all of them in the order that is
        # asked for, rather than this contact's; the sum has no order of its own.
        query = query.where(Message.contact_id == contact_id).order_by((Message.id + 0).desc())
    size = max(1, min(limit, MAX_PAGE))
    if tag is not None:
        # Likewise: the page is found among the tags, then each of its messages by its key.
        marked = sa.select(MessageTag.message_id).where(MessageTag.tenant_id == scope.tenant, MessageTag.tag == tag)
        if before is not None:
            marked = marked.where(MessageTag.message_id < before)
        if campaign_id is None and contact_id is None:
            marked = marked.order_by(MessageTag.message_id.desc()).limit(size)
        query = query.where(Message.id == sa.any_(sa.func.array(marked.scalar_subquery())))
    if before is not None:
        query = query.where(Message.id < before)
    rows = session(scope).execute(query.order_by(Message.id.desc()).limit(size)).mappings()
    return [MessageCard(**row) for row in rows]


def history(scope: Scope, message_id: int) -> list[EventCard]:
    """Return what happened to one message, oldest first. Raises: Missing."""
    get_message(scope, message_id)
    return _events(scope, sa.select(MessageEvent).where(MessageEvent.message_id == message_id).order_by(MessageEvent.id))


def events_after(scope: Scope, *, after: tuple[int, int] = (0, 0), limit: int = 100) -> list[EventCard]:
    """Return the tenant's message events after a place, oldest first: a feed to follow, which misses none and repeats none.

    What was written while a transaction is still at work that could write before it is shown only when that has ended.
    """
    require(scope, permissions.READ_MESSAGES)
    place = sa.tuple_(MessageEvent.tx, MessageEvent.id)
    query = sa.select(MessageEvent).where(place > sa.tuple_(*map(sa.literal, after)), MessageEvent.tx < _SETTLED)
    return _events(scope, query.order_by(MessageEvent.tx, MessageEvent.id).limit(max(1, min(limit, MAX_PAGE))))


# The oldest transaction still at work on this server; everything that older ones wrote is visible or will never be.
_SETTLED = sa.literal_column("(SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint)", sa.BigInteger)


def _events(scope: Scope, query: sa.Select[MessageEvent]) -> list[EventCard]:
    rows = session(scope).scalars(query.where(MessageEvent.tenant_id == scope.tenant))
    return [EventCard(row.id, row.message_id, row.kind, row.at, row.code, row.text, (row.tx, row.id)) for row in rows]
