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


# What nobody does in a place that they entered from above, whatever their role: it would outlast their stay, take people's data out,
# or speak for the place in matters of its own (threat E2).
NEVER_INSIDE = frozenset(
    {"keys:manage", "people:manage", "contacts:export", "billing:write", "webhooks:manage", "reseller_people:manage", "stripe:connect"}
)


def permissions_inside(registry: Mapping[str, Permission], reach: Reach, mode: str) -> frozenset[str]:
    """Return what somebody may do who entered from above: to read, what an admin may read; to act, what an admin may, with exceptions."""
    held = permissions_of(registry, reach, "admin") - NEVER_INSIDE
    if mode == "act":
        return held | {"quotas:set"} if reach is Reach.TENANT else held
    return frozenset(name for name in held if name.endswith(":read") or name == "tenants:enter")


def may_grant(own_role: str, other_role: str, reach: Reach) -> bool:
    """Say whether one may give, change or take away a role: never above one's own place in the list."""
    order = ROLES[reach]
    return own_role in order and other_role in order and order.index(own_role) <= order.index(other_role)
