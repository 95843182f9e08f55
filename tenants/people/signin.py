"""Sign-in, sessions and the scope that a signed-in person works in.

The browser holds a random token, the database its SHA-256 (32 random bytes need no slow hash). A session gets a new token at
sign-in and at every change of place (fixation), and ends by sign-out, a changed password, or time.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from posthouse.platform import audit, clock, ratelimit
from posthouse.platform.db import session
from posthouse.platform.errors import Forbidden, Invalid, LimitReached, missing
from posthouse.platform.permissions import Permission
from posthouse.platform.scope import Actor, Reach, Scope
from posthouse.tenants.people import inside, queries
from posthouse.tenants.people.inside import Inside, Stay
from posthouse.tenants.people.models import UserSession
from posthouse.tenants.people.passwords import matches
from posthouse.tenants.people.services import normal_email
from posthouse.tenants.roles.rules import permissions_of

LIFETIME = timedelta(days=14)
IDLE = timedelta(hours=24)
SEEN_EVERY = timedelta(minutes=5)
TOKEN_BYTES = 32
# Closed when Redis is away: guessing without a limit is worse than a minute without sign-in.
PER_PERSON = ratelimit.Rate(10, 600, open_when_away=False)
PER_NETWORK = ratelimit.Rate(60, 600, open_when_away=False)
IN_ALL = ratelimit.Rate(600, 60, open_when_away=False)
_REFUSED = Invalid("sign_in_refused", "The address or the password is not right.")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A browser's session as the edge needs it. `reach` None: the person has not chosen a place yet. `stay` None: the place is their own."""

    session_id: int
    user_id: int
    reach: Reach | None
    reseller_id: int | None
    tenant_id: int | None
    stay: Stay | None = None


def check_rate(email: str, origin: str) -> None:
    """Take one attempt from the person's, the network's and everybody's bucket, outside a transaction. Raises: LimitReached."""
    person = hashlib.sha256(email.strip().lower().encode("utf-8", "surrogatepass")).hexdigest()[:32]
    taken = [
        ratelimit.take(f"signin:p:{person}", PER_PERSON),
        ratelimit.take(f"signin:n:{network_of(origin)}", PER_NETWORK),
        ratelimit.take("signin:all", IN_ALL),
    ]
    waits = [one.retry_after_seconds for one in taken if not one.allowed]
    if waits:
        minutes = max(1, round(max(waits) / 60))
        raise LimitReached(
            "sign_in_rate", f"Too many tries. Wait {minutes} min and try again.", retry_after_seconds=max(1, round(max(waits)))
        )


def network_of(origin: str) -> str:
    """Return the network that is limited as one: the address itself for IPv4, its /64 for IPv6."""
    try:
        address = ipaddress.ip_address(origin)
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def check_password(scope: Scope, *, email: str, password: str) -> int:
    """Return the user's id when address and password belong together.

    Raises: Invalid, the same after the same time for an unknown person, a wrong password and a disabled account.
    """
    try:
        _, norm = normal_email(email)
    except Invalid:
        norm = ""
    row = session(scope).execute(sa.text("SELECT id, password_hash, disabled FROM lookup_user(:norm)"), {"norm": norm}).one_or_none()
    right = matches(None if row is None else row.password_hash, password)
    if row is None or not right or row.disabled:
        raise _REFUSED
    return int(row.id)


def start_session(scope: Scope, user_id: int, origin: str) -> str:
    """Make a session and return its token; a person with exactly one place is put there."""
    places = queries.memberships(scope, user_id)
    if not places:
        raise Forbidden("no_membership", "You have no place here any more. Ask whoever invited you.")
    session(scope).execute(sa.text("SELECT people_signed_in(:id, :at)"), {"id": user_id, "at": clock.now()})
    return _new_session(scope, user_id, places[0] if len(places) == 1 else None, origin)


def _new_session(scope: Scope, user_id: int, place: queries.Membership | None, origin: str) -> str:
    if place is None:
        return _keep(scope, user_id, None, None, None, None, origin)
    return _keep(scope, user_id, place.reach, place.reseller_id, place.tenant_id, None, origin)


def _keep(
    scope: Scope, user_id: int, reach: Reach | None, reseller_id: int | None, tenant_id: int | None, stay: Stay | None, origin: str
) -> str:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    now = clock.now()
    session(scope).add(
        UserSession(
            token_hash=_hash(token),
            user_id=user_id,
            reach=reach,
            for_reseller_id=reseller_id,
            for_tenant_id=tenant_id,
            seen_at=now,
            expires_at=now + LIFETIME,
            origin=origin,
            entered_from=stay.home if stay else None,
            entered_mode=stay.mode if stay else None,
            entered_why=stay.why if stay else None,
            entered_until=stay.until if stay else None,
        )
    )
    session(scope).flush()
    return token


def enter_place(scope: Scope, token: str, *, reach: Reach, reseller_id: int, tenant_id: int | None, stay: Stay, origin: str) -> str:
    """Move a session into a place that the person has been let into for a stay; returns a new token. Raises: Missing."""
    row = _live_session(scope, token)
    if row is None:
        raise missing("session")
    session(scope).delete(row)
    return _keep(scope, row.user_id, reach, reseller_id, tenant_id, stay, origin)


def go_home(scope: Scope, token: str, origin: str) -> str:
    """Move a session from the place that the person entered back to where they came from; returns a new token. Raises: Missing."""
    row = _live_session(scope, token)
    if row is None or row.entered_from is None:
        raise missing("session")
    home = Reach(row.entered_from)
    reseller_id = row.for_reseller_id if home is Reach.RESELLER else None
    found = [one for one in queries.memberships(scope, row.user_id) if (one.reach, one.reseller_id) == (home, reseller_id)]
    session(scope).delete(row)
    return _new_session(scope, row.user_id, found[0] if found else None, origin)


def choose_place(scope: Scope, token: str, *, reach: Reach, reseller_id: int | None, tenant_id: int | None, origin: str) -> str:
    """Move a session to one of the person's own places; returns a new token.

    Raises: Missing when it is no place of theirs.
    """
    row = _live_session(scope, token)
    if row is None:
        raise missing("session")
    place = _place(scope, row.user_id, reach, reseller_id, tenant_id)
    session(scope).delete(row)
    return _new_session(scope, row.user_id, place, origin)


def _place(scope: Scope, user_id: int, reach: Reach, reseller_id: int | None, tenant_id: int | None) -> queries.Membership:
    for place in queries.memberships(scope, user_id):
        if (place.reach, place.reseller_id, place.tenant_id) == (reach, reseller_id, tenant_id):
            return place
    raise missing("place")


def find_session(scope: Scope, token: str) -> SignedIn | None:
    """Return the session of a token, None when there is none or it has ended; notes now and then that it is alive."""
    row = _live_session(scope, token)
    if row is None:
        return None
    if row.seen_at < clock.now() - SEEN_EVERY:
        row.seen_at = clock.now()
    return SignedIn(row.id, row.user_id, Reach(row.reach) if row.reach else None, row.for_reseller_id, row.for_tenant_id, _stay(row))


def _stay(row: UserSession) -> Stay | None:
    if row.entered_from is None or row.entered_mode is None or row.entered_why is None or row.entered_until is None:
        return None
    return Stay(Reach(row.entered_from), row.entered_mode, row.entered_why, row.entered_until)


def end_session(scope: Scope, token: str) -> None:
    """Sign out; harmless when the session is over already."""
    session(scope).execute(sa.delete(UserSession).where(UserSession.token_hash == _hash(token)))


def forget_ended_sessions(scope: Scope) -> None:
    """Delete sessions whose time is over. May be repeated."""
    now = clock.now()
    session(scope).execute(sa.delete(UserSession).where(sa.or_(UserSession.expires_at < now, UserSession.seen_at < now - IDLE)))


def scope_of(
    scope: Scope, signed_in: SignedIn, registry: dict[str, Permission], *, reason: str, request_id: str, origin: str
) -> Scope | None:
    """Make the scope of a signed-in person's place with the role they hold there *now*; None when they hold none any more."""
    user = queries.find_user(scope, signed_in.user_id)
    if user is None or user.disabled or signed_in.reach is None or signed_in.stay is not None:
        return None
    for place in queries.memberships(scope, user.id):
        if (place.reach, place.reseller_id, place.tenant_id) == (signed_in.reach, signed_in.reseller_id, signed_in.tenant_id):
            return Scope(
                actor=Actor("user", user.id, user.email),
                reach=place.reach,
                reseller_id=place.reseller_id,
                tenant_id=place.tenant_id,
                permissions=permissions_of(registry, place.reach, place.role),
                reason=reason,
                request_id=request_id,
                origin=origin,
            )
    return None


def scope_inside(scope: Scope, signed_in: SignedIn, registry: dict[str, Permission], *, reason: str, origin: str) -> Inside | None:
    """Make scope and place of somebody who entered a place from above; None when the stay is over or no longer allowed."""
    user = queries.find_user(scope, signed_in.user_id)
    if user is None or user.disabled or signed_in.stay is None or signed_in.reseller_id is None:
        return None
    homes = queries.memberships(scope, user.id)
    return inside.look_inside(
        scope,
        user,
        signed_in.stay,
        homes,
        registry,
        reseller_id=signed_in.reseller_id,
        tenant_id=signed_in.tenant_id,
        reason=reason,
        origin=origin,
    )


def note_sign_in(scope: Scope) -> None:
    """Write the sign-in to the audit of the place."""
    audit.record(scope, verb="session.started", subject="user", subject_id=scope.actor.id)


def _live_session(scope: Scope, token: str) -> UserSession | None:
    row = session(scope).scalar(sa.select(UserSession).where(UserSession.token_hash == _hash(token)))
    now = clock.now()
    if row is None or row.expires_at <= now or row.seen_at < now - IDLE:
        return None
    return row


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
