"""Whose turn it is on a stream: stride scheduling over tenants, so that a million-message campaign starves nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.scope import Actor, Scope, for_tenant
from posthouse.platform.statements import array, rows

STRIDE = 1_000_000
_NEXT = "SELECT o_tenant_id, o_reseller_id FROM sending_next_turn(%(stream)s, %(at)s, CAST(%(without)s AS bigint[]))"
_WAKE = sa.text("SELECT sending_wake_lanes(:at, CAST(:since AS timestamptz))")
_AFTER = (
    "UPDATE lane_tenant SET due_at = %(due)s, pool_id = coalesce(%(pool)s, pool_id), held_by = %(held_by)s, resumes_at = %(resumes_at)s,"
    " pass = greatest(0, pass - CAST(%(back)s AS bigint) / weight) WHERE tenant_id = %(tenant)s AND stream = %(stream)s"
)
_DUE = sa.text("UPDATE lane_tenant SET due_at = least(due_at, :due) WHERE tenant_id = :tenant AND stream = :stream")
_HELD = sa.text(
    "SELECT CASE WHEN held_by = :by THEN resumes_at END FROM lane_tenant WHERE tenant_id = :tenant AND stream = :stream FOR UPDATE"
)
_LOCK_PLACE = "SELECT 1 FROM lane_tenant WHERE tenant_id = %(tenant)s AND stream = %(stream)s FOR UPDATE"
_WEIGH = sa.text(
    "INSERT INTO lane_tenant (tenant_id, stream, for_reseller_id, weight) VALUES (:tenant, :stream, :reseller, :weight)"
    " ON CONFLICT (tenant_id, stream) DO UPDATE SET weight = excluded.weight"
)


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a tenant's lane rests although messages wait, and until when."""

    by: str
    resumes_at: datetime


def scope_for(tenant_id: int, reseller_id: int) -> Scope:
    """Make the scope in which a tenant's messages are sent and settled."""
    return for_tenant(reseller_id=reseller_id, tenant_id=tenant_id, actor=Actor("job", None, "delivery"), reason="delivery")


def next_turn(scope: Scope, *, stream: str, without: Sequence[int] = ()) -> Scope | None:
    """Pick the tenant whose turn it is and move it back in the line; None when nobody is due. `without`: pools to leave out."""
    found = rows(scope, _NEXT, {"stream": stream, "at": clock.now(), "without": array(without)})
    return scope_for(found[0].o_tenant_id, found[0].o_reseller_id) if found else None


def wake_lanes(scope: Scope, *, within: timedelta | None = None) -> list[str]:
    """Make lanes due whose messages became due unnoticed; returns the streams that have work. May be repeated.

    `within`: only those that became due in this time are looked for, which costs little; None is all.
    """
    at = clock.now()
    return list(session(scope).execute(_WAKE, {"at": at, "since": "-infinity" if within is None else at - within}).scalars())


def lock_place(scope: Scope, *, stream: str) -> None:
    """Wait for those who queue messages for the tenant's lane at this moment (see message_arrived), and have those that follow wait.

    What is asked of the queue after this sees all whose arrival left the lane's time as it was. Before the ledger, after all else.
    """
    rows(scope, _LOCK_PLACE, {"tenant": scope.tenant, "stream": stream})


def after_turn(scope: Scope, *, stream: str, due_at: datetime | None, pool_id: int | None, share: float, hold: Hold | None) -> None:
    """Note how a turn went: when the tenant is due again, and which `share` (0 to 1) of a full lease it took."""
    rows(
        scope,
        _AFTER,
        {
            "tenant": scope.tenant,
            "stream": stream,
            "due": due_at,
            "pool": pool_id,
            "held_by": hold.by if hold else "",
            "resumes_at": hold.resumes_at if hold else None,
            "back": round(STRIDE * (1 - share)),
        },
    )


def held_until(scope: Scope, *, stream: str, by: str) -> datetime | None:
    """Return until when the tenant's lane rests for that reason, None when it doesn't. Keeps others from taking its turn meanwhile."""
    found: datetime | None = session(scope).execute(_HELD, {"tenant": scope.tenant, "stream": stream, "by": by}).scalar_one_or_none()
    return found


def due_again(scope: Scope, *, stream: str, due_at: datetime) -> None:
    """Make the tenant's lane due at that time or earlier."""
    session(scope).execute(_DUE, {"tenant": scope.tenant, "stream": stream, "due": due_at})


def set_weight(scope: Scope, *, stream: str, weight: int) -> None:
    """Give the tenant a share of its lane in proportion to `weight` (1 to 1000; 1 is usual)."""
    session(scope).execute(_WEIGH, {"tenant": scope.tenant, "reseller": scope.reseller, "stream": stream, "weight": weight})
