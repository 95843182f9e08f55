"""Read pools and routes with their live state."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from posthouse.platform import clock, logs
from posthouse.platform.app import keyring, settings
from posthouse.platform.db import session
from posthouse.platform.errors import missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Reach, Scope
from posthouse.platform.secrets import DoesNotOpen
from posthouse.sending.pools import permissions, rules
from posthouse.sending.pools.choices import usual_pool
from posthouse.sending.pools.models import Pool, PoolRule, ResellerPool, Route, TenantPool


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteCard:
    """A route and how it does. `health` is well, resting (after failures, until `parked_until`) or paused (by a person).

    `pace` 2: its server bears PIPELINING as far as is known; 1 and 0: it misbehaved, so less is written before a reply is awaited.
    """

    id: int
    pool_id: int
    name: str
    host: str
    port: int
    tls: str
    verify_tls: bool
    source_address: str
    greet_as: str
    max_connections: int
    messages_per_connection: int
    weight: int
    preset: str
    headers: str
    virtual_mta_header: str
    virtual_mta: str
    state: str
    health: str
    warming: bool
    failures: int
    parked_until: datetime | None
    last_error: str
    last_error_at: datetime | None
    last_sent_at: datetime | None
    pace: int

    @property
    def preamble(self) -> bytes:
        """The header lines that go before each letter that leaves by this route."""
        return rules.preamble(self.headers, self.virtual_mta_header, self.virtual_mta)


@dataclass(frozen=True, slots=True)
class GrantCard:
    """A reseller's leave to use a pool for a stream; `default`: its tenants use it unless another was chosen for them.

    `for_tenant_id`: whose a dedicated pool is; None: it is a shared one, or nobody's yet.
    """

    reseller_id: int
    stream: str
    default: bool
    label: str = ""
    for_tenant_id: int | None = None


@dataclass(frozen=True, slots=True)
class PoolCard:
    """A pool with its routes. `overflow_pool_id`: where mail goes that its warming routes may not send today; None: it waits."""

    id: int
    name: str
    kind: str
    state: str
    routes: tuple[RouteCard, ...] = ()
    grants: tuple[GrantCard, ...] = ()
    overflow_pool_id: int | None = None


@dataclass(frozen=True, slots=True)
class RouteLogin:
    """A route with what is needed to sign in; never leaves the worker."""

    card: RouteCard
    username: str
    password: str = field(repr=False)

    def same_door(self, other: RouteLogin) -> bool:
        """Whether both lead to the same server by the same way, so that a connection of one serves the other."""
        return self._door() == other._door()

    def _door(self) -> tuple[object, ...]:
        card = self.card
        way = (card.host, card.port, card.tls, card.verify_tls, card.source_address, card.greet_as, card.preamble)
        return (*way, self.username, self.password)


_KNOWN = (
    Route.id,
    Route.pool_id,
    Route.name,
    Route.host,
    Route.port,
    Route.tls,
    Route.verify_tls,
    Route.source_address,
    Route.greet_as,
    Route.max_connections,
    Route.messages_per_connection,
    Route.weight,
    Route.preset,
    Route.headers,
    Route.virtual_mta_header,
    Route.virtual_mta,
    Route.state,
    sa.literal_column("EXISTS (SELECT 1 FROM warmup w WHERE w.route_id = route.id)", sa.Boolean).label("warming"),
    Route.failures,
    Route.parked_until,
    Route.last_error,
    Route.last_error_at,
    Route.last_sent_at,
    Route.pace,
)


def list_pools(scope: Scope) -> list[PoolCard]:
    """List all pools (operator) or those granted to the reseller, by name, each with its routes."""
    query = sa.select(Pool).order_by(Pool.name)
    if scope.reach is Reach.RESELLER:
        require(scope, permissions.READ)
        query = query.where(Pool.id.in_(sa.select(ResellerPool.pool_id).where(ResellerPool.reseller_id == scope.reseller)))
    else:
        require(scope, permissions.MANAGE)
    pools = session(scope).scalars(query).all()
    routes = _cards(scope, [pool.id for pool in pools])
    return [
        PoolCard(
            pool.id,
            pool.name,
            pool.kind,
            pool.state,
            tuple(r for r in routes if r.pool_id == pool.id),
            _grants(scope, pool.id),
            pool.overflow_pool_id,
        )
        for pool in pools
    ]


def _grants(scope: Scope, pool_id: int) -> tuple[GrantCard, ...]:
    query = sa.select(ResellerPool.reseller_id, ResellerPool.stream, ResellerPool.is_default, ResellerPool.label)
    query = query.add_columns(ResellerPool.for_tenant_id).where(ResellerPool.pool_id == pool_id)
    rows = session(scope).execute(query.order_by(ResellerPool.reseller_id, ResellerPool.stream))
    return tuple(GrantCard(*row) for row in rows)


@dataclass(frozen=True, slots=True)
class OfferCard:
    """A pool that a tenant may choose for a campaign, under the name that its reseller gave it."""

    pool_id: int
    label: str


def offered(scope: Scope, *, stream: str = "marketing") -> list[OfferCard]:
    """List the pools that the reseller offers its tenants for a stream, by their names."""
    query = sa.select(ResellerPool.pool_id, ResellerPool.label).where(
        ResellerPool.reseller_id == scope.reseller, ResellerPool.stream == stream, ResellerPool.label != ""
    )
    return [OfferCard(*row) for row in session(scope).execute(query.order_by(ResellerPool.label))]


@dataclass(frozen=True, slots=True)
class RuleCard:
    """By which pool one provider's mail leaves on a stream."""

    stream: str
    group: str
    pool_id: int


def list_rules(scope: Scope) -> list[RuleCard]:
    """List the reseller's rules by mailbox provider."""
    require(scope, permissions.READ)
    query = sa.select(PoolRule.stream, PoolRule.domain_group, PoolRule.pool_id).where(PoolRule.reseller_id == scope.reseller)
    return [RuleCard(*row) for row in session(scope).execute(query.order_by(PoolRule.stream, PoolRule.domain_group))]


def chosen_pool(scope: Scope, *, stream: str) -> int | None:
    """Return the pool that was chosen for the tenant's stream; None: its plan's or the reseller's default holds."""
    query = sa.select(TenantPool.pool_id).where(TenantPool.tenant_id == scope.tenant, TenantPool.stream == stream)
    return session(scope).execute(query).scalar_one_or_none()


def pool_of_tenant(scope: Scope, *, stream: str) -> int | None:
    """Return the pool that the tenant's messages of a stream go through; None when nobody gave it one."""
    return usual_pool(scope, stream=stream).pool_id


def open_routes(scope: Scope, *, pool_id: int) -> list[RouteLogin]:
    """Return the routes of an active pool that aren't paused, with their sign-in; for workers only.

    Where all of them are being warmed, the warm ones of the pool for its overflow come besides.
    """
    found = _logins(scope, pool_id)
    if found and all(login.card.warming for login in found):
        overflow = session(scope).execute(sa.select(Pool.overflow_pool_id).where(Pool.id == pool_id)).scalar_one()
        found += [login for login in _logins(scope, overflow) if not login.card.warming] if overflow is not None else []
    return found


def _logins(scope: Scope, pool_id: int) -> list[RouteLogin]:
    query = sa.select(Route.id, Route.username, Route.password_sealed).join(Pool, Pool.id == Route.pool_id)
    query = query.where(Route.pool_id == pool_id, Route.state == "active", Pool.state == "active")
    secrets = {row.id: (row.username, row.password_sealed) for row in session(scope).execute(query)}
    found = [_login(card, *secrets[card.id]) for card in _cards(scope, [pool_id]) if card.id in secrets]
    return [login for login in found if login is not None]


def _login(card: RouteCard, username: str, sealed: bytes | None) -> RouteLogin | None:
    """Open a route's password; one that does not open rests this route, and none of the others."""
    try:
        return RouteLogin(card, username, _unseal(card.id, sealed))
    except DoesNotOpen as problem:
        logs.get().error("route.password_does_not_open", route=card.id, problem=str(problem))
        return None


def get_pool(scope: Scope, pool_id: int) -> PoolCard:
    """Return one pool with its routes. Raises: Missing."""
    require(scope, permissions.MANAGE)
    row = session(scope).get(Pool, pool_id)
    if row is None:
        raise missing("pool")
    return PoolCard(row.id, row.name, row.kind, row.state, tuple(_cards(scope, [pool_id])), _grants(scope, row.id), row.overflow_pool_id)


def get_route(scope: Scope, route_id: int) -> RouteCard:
    """Return one route. Raises: Missing."""
    require(scope, permissions.MANAGE)
    pool_id = session(scope).execute(sa.select(Route.pool_id).where(Route.id == route_id)).scalar_one_or_none()
    found = [card for card in _cards(scope, [pool_id]) if card.id == route_id] if pool_id is not None else []
    if not found:
        raise missing("route")
    return found[0]


def login_of(scope: Scope, route_id: int) -> RouteLogin:
    """Return a route with its sign-in, to try the connection. Raises: Missing."""
    card = get_route(scope, route_id)
    row = session(scope).execute(sa.select(Route.username, Route.password_sealed).where(Route.id == route_id)).one()
    return RouteLogin(card, row.username, _unseal(card.id, row.password_sealed))


def _unseal(route_id: int, sealed: bytes | None) -> str:
    if sealed is None:
        return ""
    return keyring().unseal(sealed, tenant_id=None, table="route", column="password_sealed", row_id=route_id).decode()


def _cards(scope: Scope, pool_ids: list[int]) -> list[RouteCard]:
    rows = session(scope).execute(sa.select(*_KNOWN).where(Route.pool_id.in_(pool_ids)).order_by(Route.name)).mappings()
    now, greeting = clock.now(), settings().mail_domain
    return [RouteCard(**{**row, "greet_as": row["greet_as"] or greeting}, health=_health(row, now)) for row in map(dict, rows)]


def _health(row: dict[str, object], now: datetime) -> str:
    if row["state"] != "active":
        return "paused"
    parked = row["parked_until"]
    return "resting" if isinstance(parked, datetime) and parked > now else "well"
