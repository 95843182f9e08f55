"""Make pools and routes, grant them to resellers, choose one for a tenant, and note how routes do."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from posthouse.platform import audit, clock
from posthouse.platform.app import keyring
from posthouse.platform.db import session
from posthouse.platform.errors import Invalid, missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending.pools import permissions
from posthouse.sending.pools.models import Pool, ResellerPool, Route, TenantPool

STREAMS = ("marketing", "transactional")
TLS_MODES = ("starttls", "tls", "none")


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


def add_route(
    scope: Scope,
    *,
    pool_id: int,
    name: str,
    host: str,
    port: int,
    tls: str = "starttls",
    verify_tls: bool = True,
    username: str = "",
    password: str = "",
    source_address: str = "",
    greet_as: str = "",
    max_connections: int = 10,
    messages_per_connection: int = 1_000,
    weight: int = 1,
) -> int:
    """Add a way out to a pool; returns its id. The password is kept sealed. Raises: Invalid, Missing."""
    require(scope, permissions.MANAGE)
    _check_route(name=name, host=host, port=port, tls=tls, sizes=(max_connections, messages_per_connection, weight))
    live = session(scope)
    if live.get(Pool, pool_id) is None:
        raise missing("pool")
    row = Route(
        pool_id=pool_id,
        name=name.strip(),
        host=host.strip(),
        port=port,
        tls=tls,
        verify_tls=verify_tls,
        username=username,
        source_address=source_address,
        greet_as=greet_as,
        max_connections=max_connections,
        messages_per_connection=messages_per_connection,
        weight=weight,
        state="active",
    )
    live.add(row)
    live.flush()
    if password:
        row.password_sealed = keyring().seal(password.encode(), tenant_id=None, table="route", column="password_sealed", row_id=row.id)
    audit.record(scope, verb="route.added", subject="route", subject_id=row.id, pool=pool_id, host=row.host, port=port)
    return row.id


def _check_route(*, name: str, host: str, port: int, tls: str, sizes: tuple[int, int, int]) -> None:
    if not name.strip() or not host.strip() or any(character.isspace() for character in host.strip()):
        raise Invalid("route_malformed", "A route needs a name and a host name or address without spaces.", field="host")
    if not 0 < port < 65_536:
        raise Invalid("route_malformed", "A port lies between 1 and 65535.", field="port")
    if tls not in TLS_MODES:
        raise Invalid("route_malformed", "Encryption is starttls, tls or none.", field="tls")
    if min(sizes) < 1:
        raise Invalid("route_malformed", "Connections, messages per connection and weight are at least 1.", field="max_connections")


def set_route_state(scope: Scope, *, route_id: int, state: str) -> None:
    """Pause a route or let it go on; also ends its rest after failures. Raises: Invalid, Missing."""
    require(scope, permissions.MANAGE)
    if state not in {"active", "paused"}:
        raise Invalid("no_such_state", "A route is active or paused.", field="state")
    row = session(scope).get(Route, route_id)
    if row is None:
        raise missing("route")
    row.state, row.failures, row.parked_until = state, 0, None
    audit.record(scope, verb=f"route.{state}", subject="route", subject_id=route_id)


def grant_pool(scope: Scope, *, pool_id: int, reseller_id: int, stream: str, default: bool = False) -> None:
    """Let a reseller's tenants use a pool for a stream, by default if so wished. May be repeated. Raises: Invalid, Missing."""
    require(scope, permissions.MANAGE)
    _check_stream(stream)
    live = session(scope)
    if live.get(Pool, pool_id) is None:
        raise missing("pool")
    if default:
        live.execute(
            sa.update(ResellerPool)
            .where(ResellerPool.reseller_id == reseller_id, ResellerPool.stream == stream, ResellerPool.is_default)
            .values(is_default=False)
        )
    values = {"reseller_id": reseller_id, "pool_id": pool_id, "stream": stream, "is_default": default}
    statement = insert(ResellerPool).values(values)
    live.execute(statement.on_conflict_do_update(index_elements=["reseller_id", "stream", "pool_id"], set_={"is_default": default}))
    audit.record(scope, verb="pool.granted", subject="pool", subject_id=pool_id, reseller=reseller_id, stream=stream, default=default)


def choose_pool(scope: Scope, *, stream: str, pool_id: int | None) -> None:
    """Choose the tenant's pool for a stream among those granted to its reseller; None is the reseller's default. Raises: Missing."""
    require(scope, permissions.CHOOSE)
    _check_stream(stream)
    live = session(scope)
    live.execute(sa.delete(TenantPool).where(TenantPool.tenant_id == scope.tenant, TenantPool.stream == stream))
    if pool_id is None:
        return
    granted = sa.select(ResellerPool.id).where(
        ResellerPool.reseller_id == scope.reseller, ResellerPool.stream == stream, ResellerPool.pool_id == pool_id
    )
    if live.execute(granted).first() is None:
        raise missing("pool")
    live.add(TenantPool(stream=stream, pool_id=pool_id))
    audit.record(scope, verb="pool.chosen", subject="pool", subject_id=pool_id, stream=stream)


def _check_stream(stream: str) -> None:
    if stream not in STREAMS:
        raise Invalid("no_such_stream", "A stream is marketing or transactional.", field="stream")


def note_trouble(scope: Scope, *, route_id: int, failures: int, pause_seconds: float, detail: str) -> None:
    """Note that a route can't be used for a while, and why. For workers."""
    now = clock.now()
    session(scope).execute(
        sa.update(Route)
        .where(Route.id == route_id)
        .values(failures=failures, parked_until=now + timedelta(seconds=pause_seconds), last_error=detail[:300], last_error_at=now)
    )


def note_well(scope: Scope, *, route_id: int) -> None:
    """Note that a route takes mail. For workers."""
    session(scope).execute(sa.update(Route).where(Route.id == route_id).values(failures=0, parked_until=None, last_sent_at=clock.now()))
