"""Permissions: `noun:verb` strings that rooms declare, roles hold and services require."""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.platform.errors import Forbidden
from posthouse.platform.scope import Reach, Scope


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing that may be done. `roles` names the built-in roles of that reach that hold it."""

    name: str
    sentence: str
    reach: Reach
    roles: tuple[str, ...]


def holds(scope: Scope, permission: Permission) -> bool:
    """Say whether the scope holds the permission at the permission's own reach.

    A reseller or the operator never holds a tenant's permission from afar: they enter the tenant first, on the record.
    """
    if scope.reach is not permission.reach:
        return scope.reach is Reach.SYSTEM and "*" in scope.permissions
    return permission.name in scope.permissions or "*" in scope.permissions


def require(scope: Scope, permission: Permission) -> None:
    """Raise Forbidden unless the scope holds the permission."""
    if holds(scope, permission):
        return
    raise Forbidden(
        "permission_missing",
        f"You may not do this: it needs the permission “{permission.name}”. Ask an owner or admin to give you a role that has it.",
        permission=permission.name,
    )
