"""Accept a ready-made message for one or more recipients, by whichever protocol it came: all of them are kept, or none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.app import settings
from posthouse.platform.db import session
from posthouse.platform.errors import Invalid
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.content.letters import TRANSACTIONAL
from posthouse.sending.messages import intake
from posthouse.sending.messages.labels import keep_labels
from posthouse.sending.mime import preparing, wishes
from posthouse.sending.mime.letters import keep_letter
from posthouse.sending.mime.mailboxes import NotMailboxes
from posthouse.sending.mime.mailboxes import read as read_mailboxes
from posthouse.sending.mime.preparing import Prepared
from posthouse.sending.mime.refusals import MimeRefused
from posthouse.sending.mime.wishes import Labels
from posthouse.sending.transactional import admission
from posthouse.sending.transactional.rules import REMEMBERED
from posthouse.tenants.contacts.addresses import Address

MOST_RECIPIENTS = 100
_KNOWN = sa.text(
    "SELECT key, message_id FROM single_message_key WHERE tenant_id = :tenant AND key = ANY(CAST(:keys AS text[])) AND at > :since"
)
_REMEMBER = sa.text(
    "INSERT INTO single_message_key (tenant_id, key, body_hash, message_id, at) VALUES (:tenant, :key, :hash, :message, :at)"
    " ON CONFLICT (tenant_id, key) DO UPDATE SET message_id = excluded.message_id, at = excluded.at"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MimeMessage:
    """A whole message as its sender wrote it. `recipients` empty: those of its To, Cc and Bcc.

    `tags`, `metadata` and `track` are added to, or (`track`) put in place of, what its own X- headers say; None leaves them.
    """

    raw: bytes
    recipients: Sequence[str] = ()
    tags: Sequence[str] = ()
    metadata: Mapping[str, str] | None = None
    track: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class CopyCard:
    """One recipient's copy. `repeated`: the same message for the same recipient was kept before, and is not sent twice."""

    to: str
    message_id: int
    repeated: bool


@dataclass(frozen=True, slots=True)
class MimeCard:
    """A message that is kept. `removed` names the headers that were taken out."""

    copies: tuple[CopyCard, ...]
    removed: tuple[str, ...]


def accept_mime(scope: Scope, message: MimeMessage) -> MimeCard:
    """Accept a ready-made message into the transactional lane; its copies exist if and only if the open transaction commits.

    A message with the same Message-ID, content and recipient is the same message for seven days: so a program or mail server
    that lost our answer may repeat it (RFC 1047). Without a Message-ID, each is a new one. Raises: Invalid (message,
    addresses, labels), Forbidden for a From or Sender that is not at a verified domain of the tenant, Conflict for a suppressed
    recipient or an account that may not send, LimitReached.
    """
    require(scope, permissions.SEND_MESSAGES)
    try:
        prepared = _prepare(message)
    except MimeRefused as refused:
        raise Invalid(refused.code, refused.sentence, field=refused.field) from None
    domain_id = _writer(scope, prepared)
    labels = _labels(prepared, message)
    to = _recipients(message.recipients or prepared.recipients)
    keys = _keys(scope, message.raw, prepared, to)
    known = _known(scope, list(keys.values()))
    fresh = [one for one in to if keys.get(one.norm, "") not in known]
    ids = {one.norm: known[keys[one.norm]] for one in to if keys.get(one.norm, "") in known}
    if fresh:
        admission.check_account(scope)
        for one in fresh:
            admission.check_recipient(scope, one)
        ids |= _queue(scope, keep_letter(scope, prepared, domain_id=domain_id), fresh)
        keep_labels(scope, [ids[one.norm] for one in fresh], labels)
        _remember(scope, {keys[one.norm]: ids[one.norm] for one in fresh if one.norm in keys}, message.raw)
    new = {one.norm for one in fresh}
    return MimeCard(tuple(CopyCard(one.email, ids[one.norm], one.norm not in new) for one in to), prepared.removed)


def check_mime_account(scope: Scope) -> None:
    """Ask whether any message would be accepted now. Raises: Forbidden, Conflict, LimitReached."""
    require(scope, permissions.SEND_MESSAGES)
    admission.check_account(scope)


def check_mime_recipient(scope: Scope, text: str) -> None:
    """Ask whether a message to this address would be accepted, for protocols that ask one by one. Raises: Invalid, Conflict."""
    require(scope, permissions.SEND_MESSAGES)
    admission.check_recipient(scope, admission.read_recipient(text))


def _prepare(message: MimeMessage) -> Prepared:
    most = settings().submission_message_bytes
    if len(message.raw) > most:
        raise MimeRefused("mime_too_large", f"The message has more than {most:,} bytes. Link to what is large.")
    return preparing.prepare(message.raw, track=None if message.track is None else wishes.tracks(message.track))


def _writer(scope: Scope, prepared: Prepared) -> int:
    """Return the id of the From address's domain. Raises: Invalid, Forbidden."""
    address, domain_id = admission.own_sender(scope, prepared.from_address)
    if prepared.sender is not None:
        admission.own_sender(scope, prepared.sender)
    domain = address.rpartition("@")[2]
    for word in prepared.from_name.replace("<", " ").replace(">", " ").split():
        shown = word.strip("\"'(),;:").rpartition("@")
        if shown[0] and "." in shown[2] and shown[2].lower() != domain:
            raise Invalid(
                "from_name_misleading",
                f"The name in From shows an address at “{shown[2][:100]}”, which the message does not come from. Leave it out.",
                field="from",
            )
    return domain_id


def _labels(prepared: Prepared, message: MimeMessage) -> Labels:
    own = prepared.wishes.labels
    return wishes.labels_of([*own.tags, *message.tags], {**own.metadata, **(message.metadata or {})})


def _recipients(texts: Sequence[str]) -> list[Address]:
    if not texts:
        raise Invalid("recipient_missing", "The message has no recipient. Name one in “to”, or in the header To.", field="to")
    found = {one.norm: one for one in map(_recipient, texts[: MOST_RECIPIENTS + 1])}
    if len(texts) > MOST_RECIPIENTS:
        raise Invalid("recipients_too_many", f"A message has at most {MOST_RECIPIENTS} recipients. Send it in parts.", field="to")
    return list(found.values())


def _recipient(text: str) -> Address:
    try:
        boxes = read_mailboxes(text)
    except NotMailboxes:
        boxes = []
    return admission.read_recipient(boxes[0].address if len(boxes) == 1 else text)


def _keys(scope: Scope, raw: bytes, prepared: Prepared, to: Sequence[Address]) -> dict[str, str]:
    """Return by which key each copy is remembered; waits for others that bring the same Message-ID."""
    if prepared.message_id is None:
        return {}
    lock = int.from_bytes(hashlib.sha256(f"mime.{scope.tenant}.{prepared.message_id}".encode()).digest()[:8], signed=True)
    session(scope).execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
    content = hashlib.sha256(raw).digest()
    # The tab keeps these apart from the keys that programs choose, which are printable.
    return {one.norm: "mime\t" + hashlib.sha256(content + one.norm.encode()).hexdigest() for one in to}


def _known(scope: Scope, keys: list[str]) -> dict[str, int]:
    if not keys:
        return {}
    rows = session(scope).execute(_KNOWN, {"tenant": scope.tenant, "keys": keys, "since": clock.now() - REMEMBERED})
    return {row.key: row.message_id for row in rows}


def _remember(scope: Scope, copies: Mapping[str, int], raw: bytes) -> None:
    hashed, now = hashlib.sha256(raw).digest(), clock.now()
    values = [{"tenant": scope.tenant, "key": key, "hash": hashed, "message": message_id, "at": now} for key, message_id in copies.items()]
    if values:
        session(scope).execute(_REMEMBER, values)


def _queue(scope: Scope, revision_id: int, to: Sequence[Address]) -> dict[str, int]:
    return {
        one.norm: intake.queue_single(
            scope, revision_id=revision_id, recipient=one.email, email_norm=one.norm, domain=one.domain, stream=TRANSACTIONAL, fields={}
        )
        for one in to
    }
