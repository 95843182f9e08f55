"""Accept a single message: its content, its row and the doorbell in one transaction, or nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.errors import Conflict, Invalid
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.campaigns.models import CampaignRevision
from posthouse.sending.content.compile import compile_letter
from posthouse.sending.content.letters import TRANSACTIONAL, Letter
from posthouse.sending.errors import content_refused
from posthouse.sending.messages import intake
from posthouse.sending.messages.labels import keep_labels
from posthouse.sending.mime.wishes import labels_of
from posthouse.sending.transactional import admission
from posthouse.sending.transactional.rules import REMEMBERED
from posthouse.tenants.accounts.queries import get_profile

MAX_KEY_CHARACTERS = 255
MAX_FIELDS_BYTES = 64_000
KEY_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleMessage:
    """What is to be sent to one recipient. The letter may hold Liquid, which `fields` fill in; an empty `text` is made from the HTML."""

    to: str
    from_address: str
    subject: str
    html: str
    text: str = ""
    from_name: str = ""
    reply_to: str = ""
    kind: str = "html"
    fields: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AcceptedCard:
    """A message that is kept and will be sent. `repeated`: the same key brought it before."""

    message_id: int
    repeated: bool


def accept(scope: Scope, message: SingleMessage, *, idempotency_key: str | None = None) -> AcceptedCard:
    """Accept one message into the transactional lane; it exists if and only if the open transaction commits.

    The same key with the same message gives the same id for seven days. Raises: Invalid (address, letter, fields),
    Forbidden for a From domain that is not a verified one of the tenant, Conflict for a suppressed recipient, an account
    that may not send, or a key that was used for another message.
    """
    require(scope, permissions.SEND_MESSAGES)
    body_hash = _hash(asdict(message))
    if idempotency_key is not None:
        known = _known(scope, idempotency_key, body_hash)
        if known is not None:
            return AcceptedCard(known, repeated=True)
    message_id = _queue(scope, message)
    if idempotency_key is not None:
        _remember(scope, idempotency_key, body_hash, message_id)
    return AcceptedCard(message_id, repeated=False)


def _queue(scope: Scope, message: SingleMessage) -> int:
    admission.check_account(scope)
    to = admission.read_recipient(message.to)
    if len(json.dumps(message.fields, default=str)) > MAX_FIELDS_BYTES:
        raise Invalid(
            "fields_too_large", f"The fields have more than {MAX_FIELDS_BYTES:,} bytes. Send less, or link to it.", field="fields"
        )
    labels = labels_of(message.tags, message.metadata)
    revision_id = _revision(scope, message)
    admission.check_recipient(scope, to)
    message_id = intake.queue_single(
        scope,
        revision_id=revision_id,
        recipient=to.email,
        email_norm=to.norm,
        domain=to.domain,
        stream=TRANSACTIONAL,
        fields={**message.fields, "email": to.email},
    )
    keep_labels(scope, [message_id], labels)
    return message_id


def _revision(scope: Scope, message: SingleMessage) -> int:
    """Return the revision with this content, compiled once however often it is sent."""
    sender, domain_id = admission.own_sender(scope, message.from_address)
    reply_to = admission.plain_address(message.reply_to, "reply_to") if message.reply_to else ""
    profile = get_profile(scope)
    names = frozenset(message.fields) | {"email"}
    content = {
        "subject": message.subject,
        "html": message.html,
        "text": message.text,
        "kind": message.kind,
        "from_name": message.from_name,
        "from_address": sender,
        "reply_to": reply_to,
        "domain_id": domain_id,
        "fields": sorted(names),
        "sender_name": message.from_name or profile.legal_name,
        "postal_address": profile.postal_address,
    }
    content_hash = _hash(content)
    known = _known_revision(scope, content_hash)
    if known is None:
        # Others may bring the same new letter at this moment: one compiles it, the rest wait and find it.
        lock = int.from_bytes(content_hash[:8], signed=True) ^ scope.tenant
        session(scope).execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
        known = _known_revision(scope, content_hash)
    return _compiled(scope, message, content, content_hash) if known is None else known


def _known_revision(scope: Scope, content_hash: bytes) -> int | None:
    query = sa.select(CampaignRevision.id).where(CampaignRevision.campaign_id.is_(None), CampaignRevision.content_hash == content_hash)
    return session(scope).scalars(query).one_or_none()


def _compiled(scope: Scope, message: SingleMessage, content: dict[str, Any], content_hash: bytes) -> int:
    if message.kind not in {"html", "mjml"}:
        raise Invalid("letter_kind_unknown", "A letter is html or mjml.", field="kind")
    outcome = compile_letter(
        Letter(
            subject=message.subject,
            html=message.html,
            text=message.text,
            kind=message.kind,
            stream=TRANSACTIONAL,
            sender_name=content["sender_name"],
            postal_address=content["postal_address"],
            fields=frozenset(content["fields"]),
            sample=dict(message.fields),
        )
    )
    if outcome.compiled is None:
        raise content_refused(outcome.problems)
    revision = CampaignRevision(
        campaign_id=None,
        number=1,
        stream=TRANSACTIONAL,
        content_hash=content_hash,
        source=content,
        compiled=outcome.compiled.to_json(),
        domain_id=content["domain_id"],
        list_id=None,
        from_name=content["from_name"],
        from_address=content["from_address"],
        reply_to=content["reply_to"],
    )
    session(scope).add(revision)
    session(scope).flush()
    return revision.id


def _hash(content: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode("utf-8", "surrogatepass")).digest()


def _known(scope: Scope, key: str, body_hash: bytes) -> int | None:
    """Return what the key brought before. Waits for another request with the same key. Raises: Invalid, Conflict."""
    if not 0 < len(key) <= MAX_KEY_CHARACTERS or not key.isprintable():
        raise Invalid(
            "idempotency_key_malformed", f"An idempotency key has 1 to {MAX_KEY_CHARACTERS} printable characters.", field="idempotency_key"
        )
    lock = int.from_bytes(hashlib.sha256(f"{scope.tenant}.{key}".encode()).digest()[:8], signed=True)
    session(scope).execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
    statement = sa.text("SELECT body_hash, message_id FROM single_message_key WHERE tenant_id = :tenant AND key = :key AND at > :since")
    row = session(scope).execute(statement, {"tenant": scope.tenant, "key": key, "since": clock.now() - REMEMBERED}).one_or_none()
    if row is None:
        return None
    if bytes(row.body_hash) != body_hash:
        raise Conflict(
            "idempotency_key_reused",
            "This idempotency key was used for another message. Use a new key for each message.",
            field="idempotency_key",
        )
    return int(row.message_id)


def _remember(scope: Scope, key: str, body_hash: bytes, message_id: int) -> None:
    statement = sa.text(
        "INSERT INTO single_message_key (tenant_id, key, body_hash, message_id, at) VALUES (:tenant, :key, :hash, :message, :at)"
        " ON CONFLICT (tenant_id, key) DO UPDATE SET body_hash = excluded.body_hash, message_id = excluded.message_id, at = excluded.at"
    )
    session(scope).execute(statement, {"tenant": scope.tenant, "key": key, "hash": body_hash, "message": message_id, "at": clock.now()})
