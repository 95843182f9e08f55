"""Read the policy that applies to a tenant, and how an address stands by it."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.messages.models import Message
from posthouse.sending.softbounces.rules import LAXEST, Policy, applied

_OWN = sa.text("SELECT bounces, days FROM soft_bounce_policy WHERE tenant_id = :tenant")
_BOUND = sa.text("SELECT bounces, days FROM reseller_soft_bounce_policy WHERE reseller_id = :reseller")


def policy(scope: Scope) -> Policy:
    """The policy that applies to the tenant."""
    return applied(_read(scope, _OWN, tenant=scope.tenant), _read(scope, _BOUND, reseller=scope.reseller))


def bound(scope: Scope) -> Policy:
    """The laxest policy that the reseller allows its tenants."""
    return _read(scope, _BOUND, reseller=scope.reseller) or LAXEST


def count(scope: Scope, *, email_norm: str) -> int:
    """How many soft bounces of an address count at present."""
    require(scope, permissions.READ_MESSAGES)
    since = clock.now() - timedelta(days=policy(scope).days)
    query = sa.select(sa.func.count()).where(
        Message.tenant_id == scope.tenant, Message.email_norm == email_norm, Message.soft_bounced_at >= since
    )
    return session(scope).execute(query).scalar_one()


def _read(scope: Scope, query: sa.TextClause, **values: int) -> Policy | None:
    row = session(scope).execute(query, values).one_or_none()
    return None if row is None else Policy(row.bounces, row.days)
