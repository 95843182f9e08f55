"""The first start of an installation: somebody must be able to sign in."""

from __future__ import annotations

import secrets

import sqlalchemy as sa

from posthouse.platform.db import session, transaction
from posthouse.platform.scope import ALL_PERMISSIONS, Actor, Reach, Scope, new_request_id
from posthouse.tenants.people.models import OperatorMember
from posthouse.tenants.people.services import add_member

EMAIL = "operator@posthouse.localhost"


def make_first_operator() -> list[str]:
    """Make the operator's first admin with a password shown this once; say nothing when there is one. May be repeated."""
    scope = Scope(
        actor=Actor("command", None, "posthouse up"),
        reach=Reach.OPERATOR,
        permissions=ALL_PERMISSIONS,
        reason="first start",
        request_id=new_request_id(),
    )
    with transaction(scope):
        if session(scope).scalar(sa.select(OperatorMember.id).limit(1)) is not None:
            return []
        password = secrets.token_urlsafe(12)
        add_member(scope, email=EMAIL, name="Operator", role="admin", password=password)
    return [f"Sign in as {EMAIL} with the password {password} (shown once; change it under Account)"]
