"""Reads people and their places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import sqlalchemy as sa

from posthouse.platform.db import session
from posthouse.platform.scope import Reach, Scope
from posthouse.tenants.people.models import OperatorMember, ResellerMember, TenantMember

MemberRow = OperatorMember | ResellerMember | TenantMember
MEMBERS: dict[Reach, type[OperatorMember | ResellerMember | TenantMember]] = {
    Reach.OPERATOR: OperatorMember,
    Reach.RESELLER: ResellerMember,
    Reach.TENANT: TenantMember,
}


@dataclass(frozen=True, slots=True)
class UserCard:
    """A person who can sign in."""

    id: int
    email: str
    name: str
    locale: str
    disabled: bool
    timezone: str = ""  # empty: that of the place


@dataclass(frozen=True, slots=True)
class Membership:
    """One place of a person: the operator's, a reseller's or a tenant's."""

    reach: Reach
    reseller_id: int | None
    tenant_id: int | None
    role: str
    name: str
    state: str
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class MemberCard:
    """A member as the others of the place see them."""

    user_id: int
    email: str
    name: str
    role: str
    created_at: datetime


def find_user(scope: Scope, user_id: int) -> UserCard | None:
    """Look a person up by id, from any scope."""
    row = session(scope).execute(sa.text("SELECT * FROM lookup_user_by_id(:id)"), {"id": user_id}).one_or_none()
    return None if row is None else UserCard(row.id, row.email, row.name, row.locale, row.disabled, row.timezone)


def memberships(scope: Scope, user_id: int) -> list[Membership]:
    """List a person's places: operator first, then resellers, then tenants, each by name."""
    rows = session(scope).execute(sa.text("SELECT * FROM lookup_memberships(:id)"), {"id": user_id})
    found = [Membership(Reach(row.reach), row.reseller_id, row.tenant_id, row.role, row.name, row.state, row.timezone) for row in rows]
    order = [Reach.OPERATOR, Reach.RESELLER, Reach.TENANT]
    return sorted(found, key=lambda one: (order.index(one.reach), one.name))


def list_members(scope: Scope) -> list[MemberCard]:
    """List the members of the scope's own place by name."""
    table = MEMBERS[scope.reach]
    rows = cast("Iterable[MemberRow]", session(scope).scalars(sa.select(table).order_by(table.name, table.id)))
    return [MemberCard(row.user_id, row.email, row.name, row.role, row.created_at) for row in rows]
