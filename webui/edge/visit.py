"""What is known of the present request: who, where, in whose brand. Filled by the guard, read by views and templates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import g, request

from posthouse.platform.app import settings
from posthouse.platform.scope import Scope
from posthouse.tenants.brand.services import BrandCard
from posthouse.tenants.people.queries import Membership, UserCard

if TYPE_CHECKING:
    from posthouse.tenants.people.inside import Stay


@dataclass(slots=True)
class Visit:
    """One request. `scope` is None before somebody is known; `brand_of` is the reseller whose brand is shown, None for the neutral one."""

    request_id: str
    origin: str
    host: str
    brand: BrandCard
    brand_of: int | None = None
    user: UserCard | None = None
    place: Membership | None = None
    places: list[Membership] = field(default_factory=list)
    scope: Scope | None = None
    stay: Stay | None = None  # None: the place is the person's own

    @property
    def timezone(self) -> str:
        """Name the zone in which times are shown: the person's, else the place's."""
        if self.user is not None and self.user.timezone:
            return self.user.timezone
        return self.place.timezone if self.place is not None else "UTC"


def begin(visit: Visit) -> None:
    """Make a visit the present one."""
    g.posthouse_visit = visit


def find() -> Visit | None:
    """Return the present visit; None before the guard has run, or where it does not look."""
    found: Visit | None = g.get("posthouse_visit")
    return found


def current() -> Visit:
    """Return the present visit, where there must be one."""
    found = find()
    if found is None:
        raise RuntimeError("the guard has not run")
    return found


def address() -> str:
    """Return the address that the visit came to: its checked host, and the installation's scheme, as a proxy may end TLS before us."""
    return f"{urlsplit(settings().public_url).scheme}://{request.host}"


def scope() -> Scope:
    """Return the scope of the present request, where there must be one."""
    found = current().scope
    if found is None:
        raise RuntimeError("this view has no scope: declare a permission with needs()")
    return found
