"""How messages come to be: in ranges for a campaign, one by one for a single message; and how waiting ones are called off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.jobs import ring_after_commit
from posthouse.platform.scope import Scope
from posthouse.sending.messages import history
from posthouse.sending.messages.history import Happening

_COLUMNS = (
    "tenant_id, campaign_id, revision_id, list_id, contact_id, recipient, email_norm, domain, stream, state, fields, not_before, created_at"
)
# Each has its own microsecond, so that a lease finds its messages again in the order of the queue.
_FROM_CONTACTS = sa.text(
    f"WITH made AS (INSERT INTO message ({_COLUMNS})"
    " SELECT c.tenant_id, :campaign, :revision, :list, c.id, c.email, c.email_norm, c.domain, 'marketing', 'queued', NULL,"
    " CAST(:at AS timestamptz) - interval '1 microsecond' * (:size - row_number() OVER (ORDER BY c.id)), :at"
    " FROM (SELECT CAST(:tenant AS bigint) AS tenant_id, u.id FROM unnest(CAST(:contacts AS bigint[])) AS u (id) OFFSET 0) AS part,"
    " LATERAL (SELECT k.* FROM contact k WHERE k.tenant_id = part.tenant_id AND k.id = part.id LIMIT 1) AS c ORDER BY c.id"
    " ON CONFLICT (tenant_id, campaign_id, contact_id) WHERE campaign_id IS NOT NULL DO NOTHING RETURNING domain)"
    " SELECT domain, count(*) AS new FROM made GROUP BY domain"
)
_SINGLE = sa.text(
    f"INSERT INTO message ({_COLUMNS}) VALUES (:tenant, NULL, :revision, NULL, :contact, :recipient, :email_norm, :domain, :stream, 'queued',"
    " :fields, :at, :at) RETURNING id"
).bindparams(sa.bindparam("fields", type_=JSONB))
_CALL_OFF = sa.text(
    "WITH waiting AS (SELECT id FROM message WHERE tenant_id = :tenant AND campaign_id = :campaign AND state = 'queued'"
    " LIMIT :size FOR UPDATE SKIP LOCKED)"
    " UPDATE message m SET state = 'cancelled', reason = 'campaign stopped', settled_at = :at FROM waiting w"
    " WHERE m.tenant_id = :tenant AND m.id = w.id RETURNING m.id, m.domain"
)
# Two questions, for each of the two indexes that know only of open messages: one question about both would read all that was sent.
_OPEN = sa.text(
    "SELECT EXISTS (SELECT 1 FROM message WHERE tenant_id = :tenant AND campaign_id = :campaign AND state = 'queued')"
    " OR EXISTS (SELECT 1 FROM (SELECT campaign_id FROM message WHERE tenant_id = :tenant AND lease_id IS NOT NULL AND state = 'leased'"
    " OFFSET 0) AS out WHERE out.campaign_id = :campaign)"
)


def queue_campaign(scope: Scope, *, campaign_id: int, revision_id: int, list_id: int, contact_ids: Sequence[int]) -> Mapping[str, int]:
    """Queue a message for each contact that has none of this campaign yet; returns how many were new, by recipient domain."""
    if not contact_ids:
        return {}
    values = {
        "tenant": scope.tenant,
        "campaign": campaign_id,
        "revision": revision_id,
        "list": list_id,
        "contacts": list(contact_ids),
        "size": len(contact_ids),
        "at": clock.now(),
    }
    ring_after_commit(scope, "marketing")
    return {row.domain: row.new for row in session(scope).execute(_FROM_CONTACTS, values)}


def queue_single(
    scope: Scope,
    *,
    revision_id: int,
    recipient: str,
    email_norm: str,
    domain: str,
    stream: str,
    fields: Mapping[str, Any],
    contact_id: int | None = None,
) -> int:
    """Queue one message with fields of its own; returns its id."""
    values = {
        "tenant": scope.tenant,
        "revision": revision_id,
        "contact": contact_id,
        "recipient": recipient,
        "email_norm": email_norm,
        "domain": domain,
        "stream": stream,
        "fields": dict(fields),
        "at": clock.now(),
    }
    ring_after_commit(scope, stream)
    return int(session(scope).execute(_SINGLE, values).scalar_one())


def call_off(scope: Scope, *, campaign_id: int, size: int) -> list[str]:
    """Cancel at most `size` messages of a campaign that still wait; returns their recipients' domains, empty when none is left."""
    now = clock.now()
    values = {"tenant": scope.tenant, "campaign": campaign_id, "size": size, "at": now}
    ended = session(scope).execute(_CALL_OFF, values).all()
    history.add(scope, [Happening(row.id, "cancelled", now, "campaign stopped") for row in ended])
    return [row.domain for row in ended]


def any_open(scope: Scope, *, campaign_id: int) -> bool:
    """Say whether a message of the campaign still waits or is on its way."""
    return bool(session(scope).execute(_OPEN, {"tenant": scope.tenant, "campaign": campaign_id}).scalar_one())
