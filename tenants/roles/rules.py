"""Which permissions a built-in role holds: read from the registry, where each permission names its roles."""

from __future__ import annotations

from collections.abc import Mapping

from posthouse.platform.permissions import Permission
from posthouse.platform.scope import Reach
from posthouse.tenants.permissions import OPERATOR_ROLES, RESELLER_ROLES, TENANT_ROLES

ROLES: Mapping[Reach, tuple[str, ...]] = {Reach.OPERATOR: OPERATOR_ROLES, Reach.RESELLER: RESELLER_ROLES, Reach.TENANT: TENANT_ROLES}


def permissions_of(registry: Mapping[str, Permission], reach: Reach, role: str) -> frozenset[str]:
    """Return the names that a role holds at its reach; an unknown role holds none."""
    return frozenset(one.name for one in registry.values() if one.reach is reach and role in one.roles)


def may_grant(own_role: str, other_role: str, reach: Reach) -> bool:
    """Say whether one may give, change or take away a role: never above one's own place in the list."""
    order = ROLES[reach]
    return own_role in order and other_role in order and order.index(own_role) <= order.index(other_role)
