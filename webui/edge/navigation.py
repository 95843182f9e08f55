"""The menu at the side: what a person may open in their place."""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.platform.permissions import Permission, holds
from posthouse.platform.scope import Reach, Scope


@dataclass(frozen=True, slots=True)
class Item:
    """One entry. `permission` None: everybody in the place sees it."""

    label: str
    address: str
    icon: str
    permission: Permission | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Entries under a heading; the first group has none."""

    label: str
    items: tuple[Item, ...]


_MENU: dict[Reach, list[Group]] = {Reach.OPERATOR: [], Reach.RESELLER: [], Reach.TENANT: []}


def offer(reach: Reach, *group: Group) -> None:
    """Set a place's menu; done once when the app is made."""
    _MENU[reach] = list(group)


def groups(scope: Scope) -> list[Group]:
    """Return the menu without what the scope may not open."""
    kept = []
    for group in _MENU.get(scope.reach, []):
        items = tuple(item for item in group.items if item.permission is None or holds(scope, item.permission))
        if items:
            kept.append(Group(group.label, items))
    return kept
