"""Count soft bounces and suppress addresses that have too many; set how many that are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from posthouse.platform import audit, clock
from posthouse.platform.db import session
from posthouse.platform.errors import Invalid
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending.messages.models import Message
from posthouse.sending.softbounces import queries
from posthouse.sending.softbounces.rules import FEWEST, LONGEST_DAYS, MOST, SHORTEST_DAYS, Policy, is_possible
from posthouse.sending.standing import permissions as standing
from posthouse.tenants import permissions as tenants
from posthouse.tenants.suppressions.services import suppress


def note(scope: Scope, message_ids: Sequence[int], *, source: str) -> int:
    """Note that messages bounced softly, each once, and suppress the addresses that have too many; returns how many were new."""
    now = clock.now()
    marked = (
        sa.update(Message)
        .where(Message.tenant_id == scope.tenant, Message.id.in_(message_ids), Message.soft_bounced_at.is_(None))
        .values(soft_bounced_at=now)
        .returning(Message.email_norm, Message.id)
    )
    new = session(scope).execute(marked).all()
    fresh = {row.email_norm: row.id for row in new if row.email_norm}  # who is forgotten has no address any more
    if not fresh:
        return len(new)
    for email in _with_too_many(scope, list(fresh), queries.policy(scope)):
        suppress(scope, email=email, reason="soft_bounce", source=source, message_id=fresh[email])
    return len(new)


def _with_too_many(scope: Scope, emails: Sequence[str], allowed: Policy) -> list[str]:
    since = clock.now() - timedelta(days=allowed.days)
    query = (
        sa.select(Message.email_norm)
        .where(Message.tenant_id == scope.tenant, Message.email_norm.in_(emails), Message.soft_bounced_at >= since)
        .group_by(Message.email_norm)
        .having(sa.func.count() >= allowed.bounces)
    )
    return sorted(session(scope).scalars(query))


def set_policy(scope: Scope, *, bounces: int, days: int) -> None:
    """Set after how many soft bounces within how many days the tenant's addresses are suppressed; may be repeated. Raises: Invalid."""
    require(scope, tenants.WRITE_SUPPRESSIONS)
    laxest = queries.bound(scope)
    wanted = _possible(bounces, days)
    if wanted.bounces > laxest.bounces:
        raise Invalid(
            "soft_bounces_too_many", f"Your provider allows at most {laxest.bounces}: yours can only be stricter.", field="bounces"
        )
    if wanted.days < laxest.days:
        raise Invalid("soft_bounce_days_too_few", f"Your provider counts for at least {laxest.days} days.", field="days")
    _put(scope, "soft_bounce_policy", "tenant_id", scope.tenant, wanted)


def set_bound(scope: Scope, *, bounces: int, days: int) -> None:
    """Set the laxest policy that the reseller allows its tenants; may be repeated. Raises: Invalid."""
    require(scope, standing.MANAGE)
    _put(scope, "reseller_soft_bounce_policy", "reseller_id", scope.reseller, _possible(bounces, days))


def _possible(bounces: int, days: int) -> Policy:
    wanted = Policy(bounces, days)
    if not is_possible(wanted):
        field = "days" if FEWEST <= bounces <= MOST else "bounces"
        raise Invalid(
            "soft_bounce_policy_impossible",
            f"Choose {FEWEST} to {MOST} bounces within {SHORTEST_DAYS} to {LONGEST_DAYS} days.",
            field=field,
        )
    return wanted


def _put(scope: Scope, table: str, owner: str, owner_id: int, wanted: Policy) -> None:
    values = {"owner": owner_id, "bounces": wanted.bounces, "days": wanted.days}
    live = session(scope)
    live.execute(sa.text(f"DELETE FROM {table} WHERE {owner} = :owner"), values)
    live.execute(sa.text(f"INSERT INTO {table} ({owner}, bounces, days) VALUES (:owner, :bounces, :days)"), values)
    audit.record(
        scope,
        verb="soft_bounces.policy_set",
        subject="soft_bounce_policy",
        bounces=wanted.bounces,
        days=wanted.days,
        bound=owner == "reseller_id",
    )
