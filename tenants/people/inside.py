"""Who works in a place that they entered from above: for how long, in which mode, and with which permissions.

A reseller's people enter their tenants, the operator's enter resellers and from there tenants. The role that they hold at home *now*
decides at every request whether they still may.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from posthouse.platform import clock
from posthouse.platform.permissions import Permission
from posthouse.platform.scope import Actor, Reach, Scope
from posthouse.tenants.accounts import queries as accounts
from posthouse.tenants.people.queries import Membership, UserCard
from posthouse.tenants.permissions import ACT_IN_TENANTS, ENTER_TENANTS, MANAGE_RESELLERS
from posthouse.tenants.roles.rules import permissions_inside, permissions_of

MODES = ("read", "act")
ROLE_WORDS = {"read": "visiting, read only", "act": "visiting, may change"}


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay in a place that is not one's own. `home` is where the person came from: the operator or the reseller."""

    home: Reach
    mode: str
    why: str
    until: datetime

    @property
    def over(self) -> bool:
        """Whether its time is over."""
        return clock.now() >= self.until


@dataclass(frozen=True, slots=True)
class Inside:
    """What somebody inside works with: the scope for views, the place as pages show it."""

    scope: Scope
    place: Membership


def look_inside(
    asking: Scope,
    user: UserCard,
    stay: Stay,
    homes: Iterable[Membership],
    registry: Mapping[str, Permission],
    *,
    reseller_id: int,
    tenant_id: int | None,
    reason: str,
    origin: str,
) -> Inside | None:
    """Make scope and place of a stay; None once its time is over, or when the role at home no longer allows it."""
    home = next((one for one in homes if one.reach is stay.home and one.reseller_id in {None, reseller_id} and one.tenant_id is None), None)
    if stay.over or home is None or not _may(stay, permissions_of(registry, home.reach, home.role)):
        return None
    place = _place(asking, stay, reseller_id, tenant_id)
    if place is None:
        return None
    scope = Scope(
        actor=Actor("user", user.id, label(user, stay.home, place.reach)),
        reach=place.reach,
        reseller_id=reseller_id,
        tenant_id=tenant_id,
        permissions=permissions_inside(registry, place.reach, stay.mode),
        reason=f"{stay.why} · {reason}",
        request_id=asking.request_id,
        origin=origin,
    )
    return Inside(scope, place)


def label(user: UserCard, home: Reach, reach: Reach) -> str:
    """Name who is inside for the place's own audit. A tenant is never told of the operator (white label): its id is kept all the same."""
    if home is Reach.RESELLER:
        return f"{user.email} (your provider)"
    return "technical support" if reach is Reach.TENANT else f"{user.email} (operator)"


def _may(stay: Stay, held: frozenset[str]) -> bool:
    if stay.home is Reach.OPERATOR:
        return MANAGE_RESELLERS.name in held
    return ENTER_TENANTS.name in held and (stay.mode == "read" or ACT_IN_TENANTS.name in held)


def _place(asking: Scope, stay: Stay, reseller_id: int, tenant_id: int | None) -> Membership | None:
    role = ROLE_WORDS[stay.mode]
    if tenant_id is None:
        reseller = accounts.get_reseller(asking, reseller_id)
        return Membership(Reach.RESELLER, reseller_id, None, role, reseller.name, reseller.state)
    tenant = accounts.place_of(asking, tenant_id)
    if tenant is None or tenant.reseller_id != reseller_id:
        return None
    return Membership(Reach.TENANT, reseller_id, tenant_id, role, tenant.name, tenant.state, tenant.timezone)
