"""Reads the tree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.platform.db import session
from posthouse.platform.errors import missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants.accounts.models import Reseller, Tenant, TenantProfile, WebHost
from posthouse.tenants.permissions import READ_INSTALLATION, READ_TENANTS


@dataclass(frozen=True, slots=True)
class ResellerCard:
    """A reseller as others may hold it."""

    id: int
    slug: str
    name: str
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TenantCard:
    """A tenant in its reseller's directory."""

    id: int
    slug: str
    name: str
    state: str
    state_reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ProfileCard:
    """What a tenant says of itself. `replies`: where answers go, see `rules.REPLIES`; `replies_to`: to whom they are forwarded, or empty."""

    legal_name: str
    postal_address: str
    website: str
    timezone: str
    locale: str
    replies: str
    replies_to: str


@dataclass(frozen=True, slots=True)
class TenantPlace:
    """Whose a tenant is, and its state; known before any tenant's scope is."""

    tenant_id: int
    reseller_id: int
    state: str
    name: str
    timezone: str


def list_resellers(scope: Scope) -> list[ResellerCard]:
    """List all resellers by name, for the operator."""
    require(scope, READ_INSTALLATION)
    return [_reseller(row) for row in session(scope).scalars(sa.select(Reseller).order_by(Reseller.name))]


def get_reseller(scope: Scope, reseller_id: int) -> ResellerCard:
    """Return one reseller. Raises: Missing."""
    row = session(scope).get(Reseller, reseller_id)
    if row is None:
        raise missing("reseller")
    return _reseller(row)


def list_tenants(scope: Scope) -> list[TenantCard]:
    """List the reseller's tenants by name."""
    require(scope, READ_TENANTS)
    return [_tenant(row) for row in session(scope).scalars(sa.select(Tenant).order_by(Tenant.name, Tenant.id))]


def get_tenant(scope: Scope, tenant_id: int) -> TenantCard:
    """Return one tenant of the scope's reseller. Raises: Missing."""
    row = session(scope).get(Tenant, (scope.reseller, tenant_id))
    if row is None:
        raise missing("tenant")
    return _tenant(row)


def own_tenant(scope: Scope) -> TenantCard:
    """Return the scope's own tenant. Raises: Missing."""
    return get_tenant(scope, scope.tenant)


def get_profile(scope: Scope) -> ProfileCard:
    """Return the scope's own profile. Raises: Missing."""
    row = session(scope).get(TenantProfile, scope.tenant)
    if row is None:
        raise missing("tenant")
    return ProfileCard(row.legal_name, row.postal_address, row.website, row.timezone, row.locale, row.replies, row.replies_to)


def place_of(scope: Scope, tenant_id: int) -> TenantPlace | None:
    """Look up whose a tenant is, from any scope; None when there is none such."""
    found = (
        session(scope)
        .execute(sa.text("SELECT reseller_id, state, name, timezone FROM lookup_tenant(:id)"), {"id": tenant_id})
        .one_or_none()
    )
    return None if found is None else TenantPlace(tenant_id, found.reseller_id, found.state, found.name, found.timezone)


def reseller_of_host(scope: Scope, host: str) -> int | None:
    """Return the reseller whose people use this host name, None for an unknown one."""
    return session(scope).scalar(sa.select(WebHost.for_reseller_id).where(WebHost.host == host))


def host_of_reseller(scope: Scope, reseller_id: int) -> str | None:
    """Return the reseller's own web host, None when it has none."""
    query = sa.select(WebHost.host).where(WebHost.for_reseller_id == reseller_id).order_by(WebHost.id).limit(1)
    return session(scope).scalar(query)


def _reseller(row: Reseller) -> ResellerCard:
    return ResellerCard(row.id, row.slug, row.name, row.state, row.created_at)


def _tenant(row: Tenant) -> TenantCard:
    return TenantCard(row.id, row.slug, row.name, row.state, row.state_reason, row.created_at)
