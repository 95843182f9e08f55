"""Set up providers' hooks, and take in what is posted to them: verified before it is read, answered once it is kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from posthouse.inbound.permissions import MANAGE_PROVIDERS
from posthouse.inbound.providers.cards import HookRequest, Provider
from posthouse.inbound.providers.catalogue import PROVIDERS
from posthouse.inbound.providers.models import ProviderHook, ProviderReport
from posthouse.inbound.providers.queries import PREFIX
from posthouse.inbound.providers.values import Unreadable
from posthouse.platform import audit, clock, ids
from posthouse.platform.app import keyring
from posthouse.platform.db import session, transaction
from posthouse.platform.errors import Invalid, Missing, missing
from posthouse.platform.jobs import enqueue
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope, system

SORT_REPORT = "inbound.sort_provider_report"
MAX_BODY_BYTES = 4_000_000  # SparkPost's and SendGrid's largest batches are about 1 MB
MAX_FILE_BYTES = 32_000_000  # an accounting file; longer ones go by the folder
_TABLE = "provider_hook"


@dataclass(frozen=True, slots=True)
class Received:
    """What to answer: 200 when it is kept, 400 when it cannot be read, 403 when it is not proven, 404 for no such hook, 413."""

    status: int
    why: str


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook with its secret in the clear, for the moment of a request."""

    id: int
    provider: Provider
    secret: str


def create_hook(scope: Scope, *, provider: str, secret: str, label: str = "") -> int:
    """Let a provider report; returns the hook's id. Raises: Invalid."""
    require(scope, MANAGE_PROVIDERS)
    if provider not in PROVIDERS:
        raise Invalid("unknown_provider", "Choose a provider from the list.", field="provider")
    if not 4 <= len(secret.strip()) <= 4_000:
        raise Invalid("secret_missing", f"Paste what proves the reports: {PROVIDERS[provider].secret_says}.", field="secret")
    live = session(scope)
    row = ProviderHook(provider=provider, label=label.strip()[:100], secret=b"")
    live.add(row)
    live.flush()
    row.secret = keyring().seal(secret.strip().encode(), tenant_id=None, table=_TABLE, column="secret", row_id=row.id)
    live.flush()
    audit.record(scope, verb="provider_hook.created", subject="provider_hook", subject_id=row.id, provider=provider)
    return row.id


def delete_hook(scope: Scope, *, hook_id: int) -> None:
    """Take a provider's hook away, with the posts that came by it; what they changed stays. Raises: Missing."""
    require(scope, MANAGE_PROVIDERS)
    live = session(scope)
    row = live.get(ProviderHook, hook_id)
    if row is None:
        raise missing("provider hook")
    live.execute(sa.delete(ProviderReport).where(ProviderReport.hook_id == hook_id))
    live.delete(row)
    live.flush()
    audit.record(scope, verb="provider_hook.deleted", subject="provider_hook", subject_id=hook_id, provider=row.provider)


def find_hook(provider: str, public_id: str) -> Hook | None:
    """The hook of an address, None when there is none. Opens its own transaction."""
    try:
        hook_id = ids.decode(PREFIX, public_id)
    except Missing:
        return None
    scope = system("provider report")
    with transaction(scope) as live:
        row = live.get(ProviderHook, hook_id)
        if row is None or row.provider != provider or provider not in PROVIDERS:
            return None
        opened = keyring().unseal(row.secret, tenant_id=None, table=_TABLE, column="secret", row_id=row.id)
    return Hook(hook_id, PROVIDERS[provider], opened.decode())


def is_proven(hook: Hook, request: HookRequest) -> bool:
    """Does the request prove itself by its provider's own method, and is it fresh? Amazon's are proven by the hook itself."""
    try:
        return hook.provider.proves(request, hook.secret, int(clock.now().timestamp()))
    except Unreadable:
        return False


def most_bytes(provider: Provider) -> int:
    """How large a post may be."""
    return MAX_FILE_BYTES if provider.files else MAX_BODY_BYTES


def keep(hook: Hook, request: HookRequest) -> Received:
    """Keep a proven post and ask for its sorting, a long one in pieces; the same post again is known. Opens its own transaction."""
    try:
        parts = [request] if hook.provider.cut is None else [replace(request, body=piece) for piece in hook.provider.cut(request.body)]
        for part in parts:
            hook.provider.read(part)
    except Unreadable as problem:
        return Received(400, str(problem))
    scope = system("provider report")
    with transaction(scope):
        new = [_keep_one(scope, hook, part) for part in parts]
    return Received(200, "kept" if any(new) else "known" if new else "nothing in it")


def keep_piece(hook: Hook, origin: str, body: bytes) -> bool:
    """Keep one piece of a file found in a folder; False when it is known. Opens its own transaction. Raises: Unreadable."""
    request = HookRequest(origin, "text/csv", {}, body)
    hook.provider.read(request)
    scope = system("provider report")
    with transaction(scope):
        return _keep_one(scope, hook, request)


def _keep_one(scope: Scope, hook: Hook, request: HookRequest) -> bool:
    values = {
        "hook_id": hook.id,
        "fingerprint": hashlib.sha256(request.body).digest(),
        "url": request.url[:2_000],
        "content_type": request.content_type[:500],
        "event_key": request.header("svix-id")[:200],
        "body": request.body,
        "received_at": clock.now(),
    }
    statement = insert(ProviderReport).values(values).on_conflict_do_nothing(index_elements=["hook_id", "fingerprint"])
    made = session(scope).execute(statement.returning(ProviderReport.id)).scalar_one_or_none()
    if made is None:
        return False
    enqueue(scope, SORT_REPORT, key=str(made), report_id=made)
    return True
