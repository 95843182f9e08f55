"""Who is there: the session cookie of a person, or the bearer key of a program, made into a scope."""

from __future__ import annotations

from flask import Flask, Request, request
from flask_login import LoginManager, UserMixin
from werkzeug.wrappers import Response

from posthouse.platform.app import house, settings
from posthouse.platform.db import transaction
from posthouse.platform.scope import Reach, Scope, public
from posthouse.tenants.accounts import queries as accounts
from posthouse.tenants.brand.services import find_brand
from posthouse.tenants.keys import services as keys
from posthouse.tenants.people import queries as people
from posthouse.tenants.people import signin
from posthouse.webui.edge import brands, visit
from posthouse.webui.edge.visit import Visit


class Person(UserMixin):  # type: ignore[misc]  # flask_login has no types
    """The signed-in person, for Flask-Login."""

    def __init__(self, card: people.UserCard) -> None:
        self.card = card

    def get_id(self) -> str:
        """Return the person's id as text."""
        return str(self.card.id)


def install(app: Flask) -> None:
    """Let Flask-Login find the person in the visit; the session itself is ours, kept in the database."""
    manager = LoginManager(app)
    manager.session_protection = None

    @manager.request_loader  # type: ignore[untyped-decorator]
    def load(_request: Request) -> Person | None:
        found = visit.find()
        return None if found is None or found.user is None else Person(found.user)


def cookie_name() -> str:
    """Return the session cookie's name; over TLS the prefix pins it to this host (RFC 6265bis, section 4.1.3.2)."""
    return "__Host-session" if _https() else "session"


def _https() -> bool:
    return settings().public_url.startswith("https://")


def token() -> str | None:
    """Return the session token that the browser sent."""
    return request.cookies.get(cookie_name()) or None


def keep_token(response: Response, value: str) -> None:
    """Give the browser its session token."""
    seconds = int(signin.LIFETIME.total_seconds())
    response.set_cookie(cookie_name(), value, max_age=seconds, httponly=True, secure=_https(), samesite="Lax", path="/")


def drop_token(response: Response) -> None:
    """Take the session token away."""
    response.delete_cookie(cookie_name(), httponly=True, secure=_https(), samesite="Lax", path="/")


def recognise(seen: Visit) -> None:
    """Fill in the person, their place, its brand and their scope, as far as there are any."""
    asking = public("who is there", seen.request_id)
    with transaction(asking):
        _person(asking, seen)
        if seen.scope is not None and seen.scope.reseller_id is not None:
            seen.brand_of = seen.scope.reseller_id
        if seen.brand_of is not None:
            seen.brand = find_brand(asking, seen.brand_of) or seen.brand


def _person(asking: Scope, seen: Visit) -> None:
    sent = token()
    signed_in = signin.find_session(asking, sent) if sent and len(sent) <= 200 else None
    if signed_in is None:
        return
    seen.user = people.find_user(asking, signed_in.user_id)
    seen.places = people.memberships(asking, signed_in.user_id)
    reason = f"{request.method} {request.path}"
    if signed_in.stay is not None:
        _inside(asking, seen, signed_in, reason)
        return
    seen.scope = signin.scope_of(asking, signed_in, house().permissions, reason=reason, request_id=seen.request_id, origin=seen.origin)
    if seen.scope is not None:
        seen.place = place_of(seen.places, seen.scope)


def _inside(asking: Scope, seen: Visit, signed_in: signin.SignedIn, reason: str) -> None:
    seen.stay = signed_in.stay
    found = signin.scope_inside(asking, signed_in, house().permissions, reason=reason, origin=seen.origin)
    if found is not None:
        seen.scope, seen.place = found.scope, found.place


def place_of(places: list[people.Membership], scope: Scope) -> people.Membership | None:
    """Return the membership that a scope stands in."""
    for one in places:
        if (one.reach, one.reseller_id, one.tenant_id) == (scope.reach, scope.reseller_id, scope.tenant_id):
            return one
    return None


def look_up_host(host: str, request_id: str) -> int | None:
    """Return whose a host name is, None for nobody's."""
    asking = public("whose host", request_id)
    with transaction(asking):
        return accounts.reseller_of_host(asking, host)


def bearer(seen: Visit) -> Scope | None:
    """Return the scope of the request's API key, None without a valid one. A key in the address is never looked at."""
    header = request.headers.get("Authorization", "")
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    asking = public("whose key", seen.request_id)
    reason = f"{request.method} {request.path}"
    with transaction(asking):
        found = keys.authenticate(asking, key.strip(), house().permissions, reason=reason, request_id=seen.request_id, origin=seen.origin)
        if found is not None and found.reseller_id is not None:
            seen.brand_of = found.reseller_id
            seen.brand = find_brand(asking, found.reseller_id) or seen.brand
    return found


def neutral_visit(*, request_id: str, origin: str, host: str) -> Visit:
    """Begin a visit in the neutral brand."""
    return Visit(request_id=request_id, origin=origin, host=host, brand=brands.neutral(settings().installation_name))


__all__ = ["Person", "Reach", "bearer", "drop_token", "install", "keep_token", "look_up_host", "neutral_visit", "recognise", "token"]
