"""Make pools and routes, grant them to resellers, choose one for a tenant, and note how routes do."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Unpack

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from posthouse.platform import audit, clock
from posthouse.platform.app import keyring
from posthouse.platform.db import session
from posthouse.platform.errors import Conflict, Invalid, missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending.pools import permissions, rules
from posthouse.sending.pools.models import PlanPool, Pool, PoolRule, ResellerPool, Route, TenantPool
from posthouse.sending.pools.rules import STREAMS, RouteValues

FULL_PACE = 2
DEDICATED = "dedicated"
_DEDICATE = sa.text(
    "UPDATE reseller_pool SET for_tenant_id = :tenant WHERE reseller_id = :reseller AND pool_id = :pool"
    " AND coalesce(for_tenant_id, :tenant) = :tenant RETURNING id"
)
_RELEASE = sa.text(
    "UPDATE reseller_pool g SET for_tenant_id = NULL WHERE g.reseller_id = :reseller AND g.for_tenant_id = :tenant"
    " AND NOT EXISTS (SELECT 1 FROM tenant_pool t WHERE t.tenant_id = :tenant AND t.pool_id = g.pool_id)"
)


def create_pool(scope: Scope, *, name: str, kind: str = "shared") -> int:
    """Make a pool; returns its id. `kind` is shared or dedicated. Raises: Invalid."""
    require(scope, permissions.MANAGE)
    if not name.strip() or kind not in {"shared", "dedicated"}:
        raise Invalid("pool_malformed", "A pool needs a name, and is shared or dedicated.", field="name")
    row = Pool(name=name.strip(), kind=kind, state="active", created_at=clock.now())
    session(scope).add(row)
    session(scope).flush()
    audit.record(scope, verb="pool.made", subject="pool", subject_id=row.id, name=row.name)
    return row.id


def edit_pool(scope: Scope, *, pool_id: int, name: str, state: str) -> None:
    """Rename a pool, pause it or let it go on; a paused pool's mail waits. Raises: Invalid, Missing."""
    require(scope, permissions.MANAGE)
    row = session(scope).get(Pool, pool_id)
    if row is None:
        raise missing("pool")
    if not name.strip() or state not in {"active", "paused"}:
        raise Invalid("pool_malformed", "A pool needs a name, and is active or paused.", field="name")
    taken = sa.select(Pool.id).where(Pool.name == name.strip(), Pool.id != pool_id)
    if session(scope).execute(taken).first() is not None:
        raise Invalid("pool_name_taken", f"There is a pool “{name.strip()}” already. Choose another name.", field="name")
    row.name, row.state = name.strip(), state
    audit.record(scope, verb="pool.edited", subject="pool", subject_id=pool_id, name=row.name, state=state)


def add_route(scope: Scope, *, pool_id: int, password: str = "", **values: Unpack[RouteValues]) -> int:
    """Add a way out to a pool; returns its id. The password is kept sealed. Raises: Invalid, Missing."""
    require(scope, permissions.MANAGE)
    live = session(scope)
    if live.get(Pool, pool_id) is None:
        raise missing("pool")
    draft = rules.clean(rules.Draft(**values))
    _check_name(scope, pool_id, draft.name)
    row = Route(pool_id=pool_id, state="active", **asdict(draft))
    live.add(row)
    live.flush()
    _keep_password(row, password)
    audit.record(scope, verb="route.added", subject="route", subject_id=row.id, pool=pool_id, host=row.host, port=row.port)
    return row.id


def edit_route(scope: Scope, *, route_id: int, password: str | None = None, **values: Unpack[RouteValues]) -> None:
    """Change what is given of a route; `password` None keeps it, empty forgets it. Raises: Invalid, Missing.

    Workers notice within seconds: what is on a connection comes to its end there, everything else goes the new way.
    """
    require(scope, permissions.MANAGE)
    row = _route(scope, route_id)
    known = rules.Draft(**{name: getattr(row, name) for name in RouteValues.__annotations__})
    draft = rules.clean(replace(known, **values))
    if draft.name != row.name:
        _check_name(scope, row.pool_id, draft.name)
    for name, value in asdict(draft).items():
        setattr(row, name, value)
    if password is not None:
        row.password_sealed = None
        _keep_password(row, password)
    row.failures, row.parked_until, row.pace = 0, None, FULL_PACE
    audit.record(scope, verb="route.edited", subject="route", subject_id=route_id, host=row.host, port=row.port)


def delete_route(scope: Scope, *, route_id: int) -> None:
    """Delete a route; its waiting mail goes by the pool's other routes, or waits for one. Raises: Missing."""
    require(scope, permissions.MANAGE)
    row = _route(scope, route_id)
    audit.record(scope, verb="route.deleted", subject="route", subject_id=route_id, pool=row.pool_id, name=row.name, host=row.host)
    session(scope).delete(row)


def _keep_password(row: Route, password: str) -> None:
    if password:
        row.password_sealed = keyring().seal(password.encode(), tenant_id=None, table="route", column="password_sealed", row_id=row.id)


def _check_name(scope: Scope, pool_id: int, name: str) -> None:
    taken = sa.select(Route.id).where(Route.pool_id == pool_id, Route.name == name)
    if session(scope).execute(taken).first() is not None:
        raise Invalid("route_name_taken", f"The pool has a route “{name}” already. Choose another name.", field="name")


def _route(scope: Scope, route_id: int) -> Route:
    row = session(scope).get(Route, route_id)
    if row is None:
        raise missing("route")
    return row


def set_route_state(scope: Scope, *, route_id: int, state: str) -> None:
    """Pause a route or let it go on; also ends its rest after failures. Raises: Invalid, Missing."""
    require(scope, permissions.MANAGE)
    if state not in {"active", "paused"}:
        raise Invalid("no_such_state", "A route is active or paused.", field="state")
    row = _route(scope, route_id)
    row.state, row.failures, row.parked_until = state, 0, None
    audit.record(scope, verb=f"route.{state}", subject="route", subject_id=route_id)


def grant_pool(scope: Scope, *, pool_id: int, reseller_id: int, stream: str, default: bool = False) -> None:
    """Let a reseller's tenants use a pool for a stream, by default if so wished. May be repeated. Raises: Invalid, Missing."""
    require(scope, permissions.MANAGE)
    _check_stream(stream)
    live = session(scope)
    pool = live.get(Pool, pool_id, with_for_update=True)
    if pool is None:
        raise missing("pool")
    granted = live.execute(sa.select(ResellerPool.reseller_id, ResellerPool.for_tenant_id).where(ResellerPool.pool_id == pool_id)).all()
    if pool.kind == DEDICATED and (default or any(row.reseller_id != reseller_id for row in granted)):
        raise Conflict(
            "pool_dedicated",
            f"“{pool.name}” is for one tenant: it is granted to one reseller, who chooses the tenant, and is nobody’s default.",
        )
    if default:
        live.execute(
            sa.update(ResellerPool)
            .where(ResellerPool.reseller_id == reseller_id, ResellerPool.stream == stream, ResellerPool.is_default)
            .values(is_default=False)
        )
    values = {"reseller_id": reseller_id, "pool_id": pool_id, "stream": stream, "is_default": default}
    values["for_tenant_id"] = granted[0].for_tenant_id if granted and pool.kind == DEDICATED else None
    statement = insert(ResellerPool).values(values)
    live.execute(statement.on_conflict_do_update(index_elements=["reseller_id", "stream", "pool_id"], set_={"is_default": default}))
    audit.record(scope, verb="pool.granted", subject="pool", subject_id=pool_id, reseller=reseller_id, stream=stream, default=default)


def revoke_pool(scope: Scope, *, pool_id: int, reseller_id: int, stream: str) -> None:
    """Take a pool back from a reseller; tenants that chose it fall back on the reseller's default. Harmless where it wasn't granted."""
    require(scope, permissions.MANAGE)
    _check_stream(stream)
    where = (ResellerPool.reseller_id == reseller_id, ResellerPool.pool_id == pool_id, ResellerPool.stream == stream)
    session(scope).execute(sa.delete(ResellerPool).where(*where))
    audit.record(scope, verb="pool.revoked", subject="pool", subject_id=pool_id, reseller=reseller_id, stream=stream)


def offer_pool(scope: Scope, *, pool_id: int, stream: str, label: str) -> None:
    """Let the reseller's tenants choose a pool for a campaign under that name; an empty one ends the offer. Raises: Invalid, Missing."""
    require(scope, permissions.OFFER)
    _check_stream(stream)
    name = label.strip()
    if name:
        _require_shared(scope, pool_id)
    if len(name) > 60:
        raise Invalid("label_malformed", "The name has at most 60 characters.", field="label")
    where = (ResellerPool.reseller_id == scope.reseller, ResellerPool.stream == stream, ResellerPool.pool_id == pool_id)
    statement = sa.update(ResellerPool).where(*where).values(label=name).returning(ResellerPool.id)
    if session(scope).execute(statement).first() is None:
        raise missing("pool")
    audit.record(scope, verb="pool.offered", subject="pool", subject_id=pool_id, stream=stream, label=name)


def set_rule(scope: Scope, *, stream: str, group: str, pool_id: int | None) -> None:
    """Say by which pool one mailbox provider's mail leaves, whoever of the reseller's tenants writes; None: as all other. Raises: Missing."""
    require(scope, permissions.OFFER)
    _check_stream(stream)
    live = session(scope)
    live.execute(
        sa.delete(PoolRule).where(PoolRule.reseller_id == scope.reseller, PoolRule.stream == stream, PoolRule.domain_group == group)
    )
    if pool_id is not None:
        _require_granted(scope, pool_id, stream)
        _require_shared(scope, pool_id)
        live.add(PoolRule(stream=stream, domain_group=group, pool_id=pool_id))
        live.flush()
    audit.record(scope, verb="pool.rule_set", subject="pool", subject_id=pool_id, stream=stream, group=group)


def set_plan_pool(scope: Scope, *, plan_id: int, stream: str, pool_id: int | None) -> None:
    """Say by which pool a stream of a plan's tenants leaves, from now on; None: by the reseller's default. Raises: Invalid, Missing."""
    require(scope, permissions.OFFER)
    _check_stream(stream)
    live = session(scope)
    where = (PlanPool.reseller_id == scope.reseller, PlanPool.plan_id == plan_id, PlanPool.stream == stream)
    live.execute(sa.delete(PlanPool).where(*where))
    if pool_id is not None:
        _require_granted(scope, pool_id, stream)
        _require_shared(scope, pool_id)
        live.add(PlanPool(plan_id=plan_id, stream=stream, pool_id=pool_id))
        live.flush()
    audit.record(scope, verb="pool.plan_set", subject="plan", subject_id=plan_id, stream=stream, pool=pool_id)


def delete_pool(scope: Scope, *, pool_id: int) -> None:
    """Delete a pool with its routes that nobody sends through any more. Raises: Conflict while it is in use, Missing."""
    require(scope, permissions.MANAGE)
    live = session(scope)
    row = live.get(Pool, pool_id)
    if row is None:
        raise missing("pool")
    granted = live.execute(
        sa.select(sa.func.count(ResellerPool.reseller_id.distinct())).where(ResellerPool.pool_id == pool_id)
    ).scalar_one()
    if granted:
        who = "A reseller may" if granted == 1 else f"{granted} resellers may"
        raise Conflict(
            "pool_in_use", f"{who} still send through “{row.name}”. Take it back from them first; their mail then goes by another."
        )
    overflows = live.execute(sa.select(Pool.name).where(Pool.overflow_pool_id == pool_id)).scalars().first()
    if overflows is not None:
        raise Conflict("pool_in_use", f"“{row.name}” is the overflow of “{overflows}”. Choose another overflow there first.")
    live.execute(sa.delete(Route).where(Route.pool_id == pool_id))
    audit.record(scope, verb="pool.deleted", subject="pool", subject_id=pool_id, name=row.name)
    live.delete(row)
    live.flush()


def _require_granted(scope: Scope, pool_id: int, stream: str) -> None:
    granted = sa.select(ResellerPool.id).where(
        ResellerPool.reseller_id == scope.reseller, ResellerPool.stream == stream, ResellerPool.pool_id == pool_id
    )
    if session(scope).execute(granted).first() is None:
        raise missing("pool")


def _require_shared(scope: Scope, pool_id: int) -> None:
    row = session(scope).get(Pool, pool_id)
    if row is not None and row.kind == DEDICATED:
        raise Conflict("pool_dedicated", f"“{row.name}” is for one tenant. Choose it at that tenant’s page.")


def choose_pool(scope: Scope, *, stream: str, pool_id: int | None) -> None:
    """Choose the tenant's pool for a stream among those granted to its reseller; None is its plan's, else the reseller's default.

    A dedicated pool is the tenant's alone as long as it is chosen for one of its streams. Raises: Conflict where it became another's
    just now, Missing where it was before.
    """
    require(scope, permissions.CHOOSE)
    _check_stream(stream)
    live = session(scope)
    live.execute(sa.delete(TenantPool).where(TenantPool.tenant_id == scope.tenant, TenantPool.stream == stream))
    if pool_id is not None:
        _require_granted(scope, pool_id, stream)
        live.add(TenantPool(stream=stream, pool_id=pool_id))
        live.flush()
        _dedicate(scope, pool_id)
    live.execute(_RELEASE, {"tenant": scope.tenant, "reseller": scope.reseller})
    audit.record(scope, verb="pool.chosen", subject="pool", subject_id=pool_id, stream=stream)


def require_free(scope: Scope, *, pool_id: int | None, tenant_id: int) -> None:
    """Ask of the reseller, before a tenant's pool is chosen: a tenant's transaction doesn't see what is another's. Raises: Conflict."""
    require(scope, permissions.OFFER)
    theirs = sa.select(Pool.name).join(ResellerPool, ResellerPool.pool_id == Pool.id)
    theirs = theirs.where(ResellerPool.reseller_id == scope.reseller, Pool.id == pool_id, ResellerPool.for_tenant_id != tenant_id)
    name = session(scope).scalars(theirs).first()
    if name is not None:
        raise _of_another(name)


def _of_another(name: str) -> Conflict:
    return Conflict("pool_dedicated", f"“{name}” is another tenant’s alone. Choose another pool, or ask for one more.")


def _dedicate(scope: Scope, pool_id: int) -> None:
    """Make a dedicated pool the tenant's. Raises: Conflict where it is another's."""
    pool = session(scope).get(Pool, pool_id)
    if pool is None or pool.kind != DEDICATED:
        return
    values = {"tenant": scope.tenant, "reseller": scope.reseller, "pool": pool_id}
    if session(scope).execute(_DEDICATE, values).first() is None:
        raise _of_another(pool.name)


def _check_stream(stream: str) -> None:
    if stream not in STREAMS:
        raise Invalid("no_such_stream", "A stream is marketing or transactional.", field="stream")
