"""Makes and revokes API keys, and turns a key into the scope it acts in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from posthouse.platform import audit, clock
from posthouse.platform.db import session
from posthouse.platform.errors import Forbidden, Invalid, missing
from posthouse.platform.permissions import Permission, require
from posthouse.platform.scope import Actor, Reach, Scope
from posthouse.tenants.accounts.rules import clean_name
from posthouse.tenants.keys import rules
from posthouse.tenants.keys.models import ApiKey
from posthouse.tenants.permissions import MANAGE_KEYS
from posthouse.tenants.roles.rules import permissions_of

USED_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class KeyCard:
    """A key as people see it later: never the key itself."""

    id: int
    name: str
    prefix: str
    permissions: tuple[str, ...]
    created_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


def issue(scope: Scope, *, name: str, permissions: Iterable[str], registry: Mapping[str, Permission]) -> tuple[int, str]:
    """Make a key and return its id and the key itself, shown this once. It can do no more than its maker.

    Raises: Invalid for a permission that a tenant has not, Forbidden for one that the maker has not.
    """
    require(scope, MANAGE_KEYS)
    wanted = sorted(set(permissions))
    known = {one.name for one in registry.values() if one.reach is Reach.TENANT}
    unknown = [one for one in wanted if one not in known]
    if unknown or not wanted:
        raise Invalid(
            "permission_unknown", f"Choose permissions from the list; unknown: {', '.join(unknown) or 'none chosen'}.", field="permissions"
        )
    beyond = [one for one in wanted if one not in scope.permissions and "*" not in scope.permissions]
    if beyond:
        raise Forbidden("permission_beyond_own", f"You can't give a key what you may not do yourself: {', '.join(beyond)}.")
    if scope.actor.id is None:
        raise Forbidden("key_needs_person", "A key is made by a person, whose rights it shares.")
    key = rules.make()
    row = ApiKey(name=clean_name(name), prefix=key[: rules.SHOWN], key_hash=rules.hash_key(key), permissions=wanted, made_by=scope.actor.id)
    session(scope).add(row)
    session(scope).flush()
    audit.record(scope, verb="key.issued", subject="api_key", subject_id=row.id, name=row.name, permissions=wanted)
    return row.id, key


def revoke(scope: Scope, key_id: int) -> None:
    """Revoke a key; it stops working at once. Revoking again changes nothing. Raises: Missing."""
    require(scope, MANAGE_KEYS)
    row = session(scope).get(ApiKey, (scope.tenant, key_id))
    if row is None:
        raise missing("key")
    if row.revoked_at is None:
        row.revoked_at = clock.now()
        audit.record(scope, verb="key.revoked", subject="api_key", subject_id=key_id, name=row.name)


def list_keys(scope: Scope) -> list[KeyCard]:
    """List the tenant's keys, newest first."""
    require(scope, MANAGE_KEYS)
    rows = session(scope).scalars(sa.select(ApiKey).order_by(ApiKey.id.desc()))
    return [KeyCard(r.id, r.name, r.prefix, tuple(r.permissions), r.created_at, r.used_at, r.revoked_at) for r in rows]


def authenticate(scope: Scope, key: str, registry: Mapping[str, Permission], *, reason: str, request_id: str, origin: str) -> Scope | None:
    """Return the scope in which a key acts, None for a wrong, revoked or orphaned one.

    The key's permissions are cut to what its maker's role holds *now*: whoever is demoted or leaves takes the key's rights along.
    """
    if not rules.well_formed(key):
        return None
    row = session(scope).execute(sa.text("SELECT * FROM lookup_api_key(:hash)"), {"hash": rules.hash_key(key)}).one_or_none()
    if row is None or row.revoked or row.role is None or row.state == "closed":
        return None
    return Scope(
        actor=Actor("key", row.id, row.name),
        reach=Reach.TENANT,
        reseller_id=row.reseller_id,
        tenant_id=row.tenant_id,
        permissions=frozenset(row.permissions) & permissions_of(registry, Reach.TENANT, row.role),
        reason=reason,
        request_id=request_id,
        origin=origin,
    )


def note_use(scope: Scope) -> None:
    """Note now and then that the scope's key is in use."""
    now = clock.now()
    used = sa.or_(ApiKey.used_at.is_(None), ApiKey.used_at < now - USED_EVERY)
    session(scope).execute(sa.update(ApiKey).where(ApiKey.id == scope.actor.id, used).values(used_at=now))
