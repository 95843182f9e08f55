"""Ask which addresses must not be written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.platform.app import keyring
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.platform.statements import array, rows
from posthouse.tenants import permissions
from posthouse.tenants.suppressions import rules
from posthouse.tenants.suppressions.models import ResellerSuppression, Suppression

MAX_ADDRESSES = 10_000
MAX_PAGE = 500

# One answer for all reaches: the asker learns that an address is suppressed, never at whose wish beyond its own.
_SUPPRESSED = (
    "SELECT address FROM suppression WHERE tenant_id = %(tenant)s AND address = ANY (CAST(%(names)s AS text[]))"
    " AND target = ANY (CAST(%(targets)s AS text[]))"
    " UNION SELECT address FROM reseller_suppression WHERE reseller_id = %(reseller)s AND address = ANY (CAST(%(addresses)s AS text[]))"
    " UNION SELECT posthouse_platform_suppressed(CAST(%(addresses)s AS text[]))"
)
_ANY_ERASED = "SELECT EXISTS (SELECT 1 FROM suppression WHERE tenant_id = %(tenant)s AND address >= %(low)s AND address < %(high)s) AS any"


@dataclass(frozen=True, slots=True)
class SuppressionCard:
    """One suppression of the tenant's own. `address` is None once the person is erased; `may_lift` says whether the tenant may end it."""

    id: int
    address: str | None
    reason: str
    source: str
    reach: str
    stream: str | None
    list_id: int | None
    message_id: int | None
    at: datetime
    may_lift: bool


@dataclass(frozen=True, slots=True)
class SuppressionPage:
    """Suppressions, newest first; `before` goes on, None at the end."""

    cards: tuple[SuppressionCard, ...]
    before: int | None


def suppressed_emails(scope: Scope, emails: Sequence[str], *, stream: str, list_id: int | None = None) -> frozenset[str]:
    """Say which of these normal-form addresses must not get a message on the stream (to the list).

    One statement for tenant, reseller and installation together; made for leases. `list_id` None is a message to no list.
    """
    if not emails:
        return frozenset()
    erased, addresses = _erased_names(scope, emails), array(emails)
    found = rows(
        scope,
        _SUPPRESSED,
        {
            "tenant": scope.tenant,
            "reseller": scope.reseller,
            "addresses": addresses,
            "names": array([*emails, *erased]) if erased else addresses,
            "targets": array(rules.targets_that_bind(stream=stream, list_id=list_id)),
        },
    )
    return frozenset(erased.get(row.address, row.address) for row in found)


def is_suppressed(scope: Scope, email_norm: str, *, stream: str, list_id: int | None = None) -> bool:
    """Say whether one normal-form address must not get a message."""
    return bool(suppressed_emails(scope, [email_norm], stream=stream, list_id=list_id))


def _erased_names(scope: Scope, emails: Sequence[str]) -> Mapping[str, str]:
    """Name the addresses as they would stand if they were erased; nothing where the tenant has erased nobody."""
    low = f"{rules.ERASED}:"
    if not rows(scope, _ANY_ERASED, {"tenant": scope.tenant, "low": low, "high": f"{rules.ERASED};"})[0].any:
        return {}
    keys = keyring()
    return {name: email for email in emails for name in rules.erased_names(keys, scope.tenant, email)}


def list_suppressions(scope: Scope, *, prefix: str = "", before: int | None = None, limit: int = 50) -> SuppressionPage:
    """Page through the tenant's own suppressions, newest first. `prefix` narrows to addresses that begin so."""
    require(scope, permissions.READ_SUPPRESSIONS)
    limit = max(1, min(limit, MAX_PAGE))
    query = sa.select(Suppression).order_by(Suppression.id.desc()).limit(limit + 1)
    if prefix:
        low = prefix.lower()
        query = query.where(Suppression.address >= low, Suppression.address < low + "\U0010ffff")
    if before is not None:
        query = query.where(Suppression.id < before)
    found = session(scope).scalars(query).all()
    return SuppressionPage(tuple(map(_card, found[:limit])), found[limit - 1].id if len(found) > limit else None)


def suppressions_of(scope: Scope, email_norm: str) -> tuple[SuppressionCard, ...]:
    """List the tenant's own suppressions of one address, newest first."""
    require(scope, permissions.READ_SUPPRESSIONS)
    names = [email_norm, *rules.erased_names(keyring(), scope.tenant, email_norm)]
    query = sa.select(Suppression).where(Suppression.address.in_(names)).order_by(Suppression.id.desc())
    return tuple(map(_card, session(scope).scalars(query)))


def count_by_reason(scope: Scope) -> Mapping[str, int]:
    """Count the tenant's own suppressed addresses by reason."""
    require(scope, permissions.READ_SUPPRESSIONS)
    query = sa.select(Suppression.reason, sa.func.count(sa.distinct(Suppression.address))).group_by(Suppression.reason)
    return dict(session(scope).execute(query).all())


def list_reseller_suppressions(scope: Scope, *, before: int | None = None, limit: int = 50) -> SuppressionPage:
    """Page through the addresses that no tenant of the reseller may write to, newest first."""
    require(scope, permissions.MANAGE_RESELLER_SUPPRESSIONS)
    limit = max(1, min(limit, MAX_PAGE))
    query = sa.select(ResellerSuppression).order_by(ResellerSuppression.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(ResellerSuppression.id < before)
    found = session(scope).scalars(query).all()
    cards = tuple(
        SuppressionCard(row.id, row.address, row.reason, row.source, "reseller", None, None, None, row.at, may_lift=True)
        for row in found[:limit]
    )
    return SuppressionPage(cards, found[limit - 1].id if len(found) > limit else None)


def _card(row: Suppression) -> SuppressionCard:
    address = None if row.address.startswith(f"{rules.ERASED}:") else row.address
    return SuppressionCard(
        row.id,
        address,
        row.reason,
        row.source,
        row.reach,
        row.stream,
        row.list_id,
        row.message_id,
        row.at,
        may_lift=rules.may_lift(row.reason),
    )
