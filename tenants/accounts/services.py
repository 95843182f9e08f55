"""Opens, changes, suspends and closes resellers and tenants."""

from __future__ import annotations

import sqlalchemy as sa

from posthouse.platform import audit
from posthouse.platform.app import settings
from posthouse.platform.db import session
from posthouse.platform.errors import Invalid, missing
from posthouse.platform.events import emit
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants.accounts.models import Reseller, Tenant, TenantProfile, WebHost
from posthouse.tenants.accounts.rules import (
    REPLIES,
    RESELLER_STATES,
    TENANT_STATES,
    clean_address,
    clean_host,
    clean_locale,
    clean_name,
    clean_timezone,
    slug_of,
)
from posthouse.tenants.contacts import addresses
from posthouse.tenants.events import TenantStateChanged
from posthouse.tenants.permissions import MANAGE_PROFILE, MANAGE_RESELLERS, MANAGE_TENANTS


def open_reseller(scope: Scope, *, name: str) -> int:
    """Open a reseller and return its id. Its brand begins as its plain name."""
    require(scope, MANAGE_RESELLERS)
    name = clean_name(name)
    row = Reseller(slug=_free_slug(scope, Reseller, name), name=name)
    session(scope).add(row)
    session(scope).flush()
    _first_brand(scope, row.id, name)
    audit.record(scope, verb="reseller.opened", subject="reseller", subject_id=row.id, name=name)
    return row.id


def _first_brand(scope: Scope, reseller_id: int, name: str) -> None:
    insert = "INSERT INTO brand (reseller_id, product_name, primary_colour) VALUES (:id, :name, '#2f6f4f')"
    session(scope).execute(sa.text(insert), {"id": reseller_id, "name": name})


def set_reseller_state(scope: Scope, reseller_id: int, state: str) -> None:
    """Put a reseller into a state. Raises: Invalid, Missing."""
    require(scope, MANAGE_RESELLERS)
    if state not in RESELLER_STATES:
        raise Invalid("state_unknown", f"Choose one of {', '.join(RESELLER_STATES)}.", field="state")
    row = session(scope).get(Reseller, reseller_id)
    if row is None:
        raise missing("reseller")
    row.state = state
    audit.record(scope, verb="reseller.state_set", subject="reseller", subject_id=reseller_id, state=state)


def add_web_host(scope: Scope, reseller_id: int, host: str) -> None:
    """Let a reseller's people in under a host name. Raises: Invalid when it is taken."""
    require(scope, MANAGE_RESELLERS)
    host = clean_host(host)
    taken = session(scope).scalar(sa.select(WebHost.for_reseller_id).where(WebHost.host == host))
    if taken is not None and taken != reseller_id:
        raise Invalid("host_taken", "This host name is in use already. Choose another one.", field="host")
    if taken is None:
        session(scope).add(WebHost(host=host, for_reseller_id=reseller_id))
        audit.record(scope, verb="web_host.added", subject="reseller", subject_id=reseller_id, host=host)


def next_tenant_id(scope: Scope) -> int:
    """Return the id for a tenant that is about to be opened in a scope of its own; nothing is written."""
    require(scope, MANAGE_TENANTS)
    return int(session(scope).execute(sa.text("SELECT posthouse_id()")).scalar_one())


def open_tenant(scope: Scope, *, name: str) -> int:
    """Open a tenant in the reseller's directory and return its id; the database makes its profile in the same statement.

    In the reseller's scope the id is made here. In the scope of the tenant itself, whose id `next_tenant_id` gave, its
    people and all else can be made in the same transaction.
    """
    inside = scope.tenant_id is not None
    if inside and "*" not in scope.permissions:
        raise missing("tenant")
    if not inside:
        require(scope, MANAGE_TENANTS)
    name = clean_name(name)
    row = Tenant(id=scope.tenant_id, slug=_free_slug(scope, Tenant, name), name=name)
    session(scope).add(row)
    session(scope).flush()
    audit.record(scope, verb="tenant.opened", subject="tenant", subject_id=row.id, for_reseller=inside, name=name)
    return row.id


def set_up_profile(scope: Scope, *, legal_name: str, postal_address: str = "", timezone: str = "UTC") -> None:
    """Say who a tenant just opened is, in its own scope. May be repeated. Raises: Invalid, Missing."""
    require(scope, MANAGE_PROFILE)
    row = session(scope).get(TenantProfile, scope.tenant)
    if row is None:
        raise missing("tenant")
    row.legal_name = clean_name(legal_name, field="legal_name")
    row.postal_address = clean_address(postal_address)
    row.timezone = clean_timezone(timezone)
    session(scope).flush()


def edit_profile(scope: Scope, *, legal_name: str, postal_address: str, website: str, timezone: str, locale: str | None = None) -> None:
    """Change what the tenant says of itself; `locale` is the language of its recipients (None keeps it). Raises: Invalid, Missing."""
    require(scope, MANAGE_PROFILE)
    row = session(scope).get(TenantProfile, scope.tenant)
    if row is None:
        raise missing("tenant")
    row.legal_name = clean_name(legal_name, field="legal_name")
    row.postal_address = clean_address(postal_address)
    row.website = _clean_website(website)
    row.timezone = clean_timezone(timezone)
    if locale is not None:
        row.locale = clean_locale(locale)
    audit.record(scope, verb="profile.edited", subject="tenant", subject_id=scope.tenant)


def set_replies(scope: Scope, *, where: str, forward_to: str = "") -> None:
    """Say where people's answers go; may be repeated. Raises: Invalid for an unknown place, or an address that can't be forwarded to."""
    require(scope, MANAGE_PROFILE)
    if where not in REPLIES:
        raise Invalid("replies_unknown", "Answers go to your own address, to the inbox, or are forwarded: choose one.", field="replies")
    row = session(scope).get(TenantProfile, scope.tenant)
    if row is None:
        raise missing("tenant")
    row.replies, row.replies_to = where, _forward_address(forward_to) if where == "forward" else ""
    audit.record(scope, verb="profile.replies_set", subject="tenant", subject_id=scope.tenant, replies=where, to=row.replies_to)


def _forward_address(text: str) -> str:
    if text.strip().lower().endswith(f"@{settings().mail_domain.lower()}"):
        # What came here would be forwarded here again.
        raise Invalid(
            "replies_loop", "Answers come to this domain already. Give an address at one of your own domains.", field="replies_to"
        )
    found = addresses.parse(text, allow_reserved=settings().allow_reserved_domains)
    if isinstance(found, addresses.AddressRefused):
        raise Invalid(found.code, found.sentence, field="replies_to")
    if found.domain == settings().mail_domain.lower():
        # What came here would be forwarded here again.
        raise Invalid(
            "replies_loop", "Answers come to this domain already. Give an address at one of your own domains.", field="replies_to"
        )
    return found.email


def _clean_website(text: str) -> str:
    website = text.strip()
    if website and not website.startswith(("https://", "http://")):
        raise Invalid("website_invalid", "A website begins with https:// or http://.", field="website")
    if any(letter.isspace() or not letter.isprintable() for letter in website) or len(website) > 500:
        raise Invalid("website_invalid", "A website holds no spaces and has at most 500 characters.", field="website")
    return website


def rename_tenant(scope: Scope, tenant_id: int, *, name: str) -> None:
    """Change a tenant's name in the directory. Raises: Invalid, Missing."""
    require(scope, MANAGE_TENANTS)
    row = _tenant(scope, tenant_id)
    row.name = clean_name(name)
    audit.record(scope, verb="tenant.renamed", subject="tenant", subject_id=tenant_id, name=row.name)


def set_state(scope: Scope, tenant_id: int, state: str, reason: str) -> None:
    """Put a tenant into a state, with the reason that people will read. Setting the present state again changes nothing.

    Called in the reseller's scope by people, and by billing in the tenant's own scope, which names the same reseller.
    Raises: Invalid, Missing.
    """
    if scope.tenant_id is None:
        require(scope, MANAGE_TENANTS)
    elif scope.tenant_id != tenant_id or "*" not in scope.permissions:
        raise missing("tenant")
    if state not in TENANT_STATES:
        raise Invalid("state_unknown", f"Choose one of {', '.join(TENANT_STATES)}.", field="state")
    row = _tenant(scope, tenant_id)
    if (row.state, row.state_reason) == (state, reason):
        return
    before, row.state, row.state_reason = row.state, state, reason
    audit.record(scope, verb="tenant.state_set", subject="tenant", subject_id=tenant_id, before=before, state=state, why=reason)
    emit(scope, TenantStateChanged(tenant_id=tenant_id, before=before, state=state))


def _tenant(scope: Scope, tenant_id: int) -> Tenant:
    row = session(scope).get(Tenant, (scope.reseller, tenant_id), with_for_update=True)
    if row is None:
        raise missing("tenant")
    return row


def _free_slug(scope: Scope, table: type[Reseller | Tenant], name: str) -> str:
    base = slug_of(name)
    taken = set(session(scope).scalars(sa.select(table.slug).where(table.slug >= base, table.slug < base + "~")))
    numbers = (base if count == 1 else f"{base}-{count}" for count in range(1, len(taken) + 3))
    return next(slug for slug in numbers if slug not in taken)
