"""Keeps ready-made messages: one row for the same bytes however many get them, next to the revision that names sender and links."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.errors import missing
from posthouse.platform.scope import Scope
from posthouse.sending.campaigns.models import CampaignRevision
from posthouse.sending.content.letters import TRANSACTIONAL
from posthouse.sending.mime.preparing import Prepared
from posthouse.sending.mime.reading import Field, fields_of

_KEEP = sa.text(
    "INSERT INTO mime_letter (tenant_id, revision_id, head, body, created_at) VALUES (:tenant, :revision, :head, :body, :at)"
    " ON CONFLICT (tenant_id, revision_id) DO NOTHING"
)


def keep_letter(scope: Scope, prepared: Prepared, *, domain_id: int) -> int:
    """Return the revision that holds this message, kept once however often it is sent."""
    head = b"".join(one.wire() for one in prepared.fields)
    content_hash = hashlib.sha256(b"mime\0" + len(head).to_bytes(8) + head + prepared.body + domain_id.to_bytes(8)).digest()
    live = session(scope)
    # Others may bring the same message at this moment: one keeps it, the rest wait and find it.
    lock = int.from_bytes(content_hash[:8], signed=True) ^ scope.tenant
    live.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
    query = sa.select(CampaignRevision.id).where(CampaignRevision.campaign_id.is_(None), CampaignRevision.content_hash == content_hash)
    revision_id = live.scalars(query).one_or_none()
    if revision_id is None:
        revision_id = _new_revision(scope, prepared, content_hash, domain_id)
    live.execute(_KEEP, {"tenant": scope.tenant, "revision": revision_id, "head": head, "body": prepared.body, "at": clock.now()})
    return revision_id


def _new_revision(scope: Scope, prepared: Prepared, content_hash: bytes, domain_id: int) -> int:
    revision = CampaignRevision(
        campaign_id=None,
        number=1,
        stream=TRANSACTIONAL,
        content_hash=content_hash,
        source={"mime": True, "removed": list(prepared.removed)},
        compiled={"mime": True, "links": list(prepared.links)},
        domain_id=domain_id,
        list_id=None,
        from_name=prepared.from_name,
        from_address=prepared.from_address,
        reply_to=prepared.reply_to,
    )
    session(scope).add(revision)
    session(scope).flush()
    return revision.id


def load_letter(scope: Scope, revision_id: int) -> tuple[list[Field], bytes]:
    """Return a kept message's header and body. Raises: Missing, also when it was forgotten after its time."""
    query = sa.text("SELECT head, body FROM mime_letter WHERE tenant_id = :tenant AND revision_id = :revision")
    row = session(scope).execute(query, {"tenant": scope.tenant, "revision": revision_id}).one_or_none()
    if row is None:
        raise missing("letter")
    return fields_of(bytes(row.head)), bytes(row.body)
