"""Adds people, gives and takes their places, and changes passwords."""

from __future__ import annotations

import unicodedata
from typing import cast

import sqlalchemy as sa

from posthouse.platform import audit, clock
from posthouse.platform.db import session
from posthouse.platform.errors import Conflict, Forbidden, Invalid, missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Reach, Scope
from posthouse.tenants.accounts.rules import clean_name, clean_timezone
from posthouse.tenants.contacts.addresses import AddressRefused, parse
from posthouse.tenants.people.passwords import hash_password, matches
from posthouse.tenants.people.queries import MEMBERS, MemberRow
from posthouse.tenants.permissions import MANAGE_PEOPLE, MANAGE_RESELLER_PEOPLE, MANAGE_RESELLERS
from posthouse.tenants.roles.rules import ROLES, may_grant

_MANAGE = {Reach.OPERATOR: MANAGE_RESELLERS, Reach.RESELLER: MANAGE_RESELLER_PEOPLE, Reach.TENANT: MANAGE_PEOPLE}


def normal_email(text: str) -> tuple[str, str]:
    """Return a person's address as written and in its one comparable form. Raises: Invalid."""
    written = unicodedata.normalize("NFC", text).strip()
    read = parse(written, allow_reserved=True)
    if isinstance(read, AddressRefused):
        raise Invalid(read.code, read.sentence, field="email")
    return written, read.norm


def add_member(scope: Scope, *, email: str, name: str, role: str, password: str) -> int:
    """Give a person a place in the scope's own reach and return the user's id.

    A person who is known already keeps their password and name. Raises: Invalid, Conflict when they are a member,
    Forbidden for a role above the actor's own.
    """
    require(scope, _MANAGE[scope.reach])
    _check_role(scope, role)
    written, norm = normal_email(email)
    name = clean_name(name)
    user_id = _user(scope, written, norm, name, password)
    table = MEMBERS[scope.reach]
    if session(scope).scalar(sa.select(table.id).where(table.user_id == user_id)) is not None:
        raise Conflict("member_already", "This person is a member already. Change their role instead.", field="email")
    session(scope).add(table(user_id=user_id, role=role, email=written, name=name))
    session(scope).flush()
    audit.record(scope, verb="member.added", subject="user", subject_id=user_id, role=role)
    return user_id


def _user(scope: Scope, email: str, norm: str, name: str, password: str) -> int:
    found = session(scope).scalar(sa.text("SELECT id FROM lookup_user(:norm)"), {"norm": norm})
    if found is not None:
        return int(found)
    values = {"email": email, "norm": norm, "name": name, "hash": hash_password(password), "at": clock.now()}
    made = session(scope).scalar(sa.text("SELECT people_add_user(:email, :norm, :name, :hash, :at)"), values)
    if made is None:  # somebody added the same person in between
        raise Conflict("user_exists", "This person was added at the same moment. Try again.", field="email")
    return int(made)


def set_role(scope: Scope, user_id: int, role: str) -> None:
    """Change a member's role. Raises: Invalid, Missing, Forbidden, Conflict for the last owner."""
    require(scope, _MANAGE[scope.reach])
    member = _member(scope, user_id)
    _check_role(scope, member.role)
    _check_role(scope, role)
    if role != ROLES[scope.reach][0]:
        _keep_an_owner(scope, member.user_id, member.role)
    member.role = role
    audit.record(scope, verb="member.role_set", subject="user", subject_id=user_id, role=role)


def remove_member(scope: Scope, user_id: int) -> None:
    """Take a person's place away; their keys lose its rights at once. Raises: Missing, Forbidden, Conflict for the last owner."""
    require(scope, _MANAGE[scope.reach])
    member = _member(scope, user_id)
    _check_role(scope, member.role)
    _keep_an_owner(scope, member.user_id, member.role)
    session(scope).delete(member)
    audit.record(scope, verb="member.removed", subject="user", subject_id=user_id)


def change_own_password(scope: Scope, user_id: int, *, present: str, new: str) -> None:
    """Change a person's password and end all their sessions. Raises: Invalid when the present one is wrong."""
    row = session(scope).execute(sa.text("SELECT password_hash FROM lookup_user_by_id(:id)"), {"id": user_id}).one_or_none()
    if row is None:
        raise missing("user")
    if not matches(row.password_hash, present):
        raise Invalid("password_wrong", "The present password is not right.", field="present")
    session(scope).execute(sa.text("SELECT people_set_password(:id, :hash)"), {"id": user_id, "hash": hash_password(new)})
    audit.record(scope, verb="password.changed", subject="user", subject_id=user_id)


def set_own_timezone(scope: Scope, user_id: int, timezone: str) -> None:
    """Choose the zone in which times are shown to a person, from any scope; empty is that of the place. Raises: Invalid."""
    zone = clean_timezone(timezone) if timezone else ""
    session(scope).execute(sa.text("SELECT people_set_timezone(:id, :zone)"), {"id": user_id, "zone": zone})


def _check_role(scope: Scope, role: str) -> None:
    if role not in ROLES[scope.reach]:
        raise Invalid("role_unknown", f"Choose one of {', '.join(ROLES[scope.reach])}.", field="role")
    if "*" in scope.permissions or scope.actor.kind != "user":
        return
    own = session(scope).scalar(sa.select(MEMBERS[scope.reach].role).where(MEMBERS[scope.reach].user_id == scope.actor.id))
    if own is None or not may_grant(own, role, scope.reach):
        raise Forbidden("role_above_own", "You can't give or change a role above your own. Ask an owner.")


def _member(scope: Scope, user_id: int) -> MemberRow:
    table = MEMBERS[scope.reach]
    member = cast("MemberRow | None", session(scope).scalar(sa.select(table).where(table.user_id == user_id).with_for_update()))
    if member is None:
        raise missing("member")
    return member


def _keep_an_owner(scope: Scope, user_id: int, role: str) -> None:
    """A place never loses its last owner; the rows of all owners are locked so that two can't leave at once."""
    first = ROLES[scope.reach][0]
    if role != first:
        return
    table = MEMBERS[scope.reach]
    owners = session(scope).scalars(sa.select(table.user_id).where(table.role == first).order_by(table.id).with_for_update()).all()
    if set(owners) <= {user_id}:
        raise Conflict("last_owner", f"This is the last {first}. Make somebody else {first} first.")
