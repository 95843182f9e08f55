"""The database: engines by role, one transaction at a time with its scope, and the only commit of the house.

`transaction(scope)` is opened by edges; services take the session with `session(scope)`, which refuses a scope other than
the one the transaction was opened with. Row-level security gets its tenant and reseller at the begin of each transaction
and loses them with it (set_config with is_local).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction

from posthouse.platform import logs
from posthouse.platform.scope import Reach, Scope
from posthouse.platform.secrets import Keyring, database_password
from posthouse.platform.settings import Settings

ROLES = ("app", "worker", "sched", "edge", "operator")

# Which database role each kind of process uses for which reach. A tenant's rows are never read with a role that sees
# across tenants, and the operator's tables never with the web service's everyday role.
PROCESS_ROLES: Mapping[str, Mapping[Reach, str]] = {
    "web": {Reach.TENANT: "app", Reach.RESELLER: "app", Reach.PUBLIC: "app", Reach.SYSTEM: "app", Reach.OPERATOR: "operator"},
    "worker": {
        Reach.TENANT: "worker",
        Reach.RESELLER: "worker",
        Reach.PUBLIC: "worker",
        Reach.SYSTEM: "worker",
        Reach.OPERATOR: "operator",
    },
    "scheduler": {
        Reach.TENANT: "worker",
        Reach.RESELLER: "worker",
        Reach.PUBLIC: "sched",
        Reach.SYSTEM: "sched",
        Reach.OPERATOR: "operator",
    },
    "inbound": {Reach.TENANT: "worker", Reach.RESELLER: "worker", Reach.PUBLIC: "edge", Reach.SYSTEM: "worker", Reach.OPERATOR: "operator"},
    "submission": {Reach.TENANT: "app", Reach.PUBLIC: "app"},
    "command": {
        Reach.TENANT: "worker",
        Reach.RESELLER: "worker",
        Reach.PUBLIC: "worker",
        Reach.SYSTEM: "worker",
        Reach.OPERATOR: "operator",
    },
}


class NoTransaction(RuntimeError):
    """A service was called outside `transaction(scope)`."""


class NestedTransaction(RuntimeError):
    """A transaction was opened inside another one."""


class ScopeMismatch(RuntimeError):
    """A service got another tenant's or reseller's scope than the open transaction."""


class NoScope(RuntimeError):
    """A session was used without a scope."""


class LeakedContext(RuntimeError):
    """A connection came out of the pool with somebody's tenant still set; it has been thrown away."""


class HouseSession(FlaskSession):
    """A session that takes its engine from its scope's reach, not from the table."""

    def get_bind(self, *_args: Any, **_kwargs: Any) -> Engine:
        scope = self.info.get("scope")
        if scope is None:
            raise NoScope("use `with transaction(scope):` before any query")
        return self._db.engines[self._db.get_app_role(scope)]


class HouseDatabase(SQLAlchemy):
    """Flask-SQLAlchemy with one engine a role."""

    def get_app_role(self, scope: Scope) -> str:
        """Return the name of the database role with which this process serves the scope."""
        return PROCESS_ROLES[current_app.config["POSTHOUSE_PROCESS"]][scope.reach]


class _Base(DeclarativeBase):
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = HouseDatabase(model_class=_Base, session_options={"class_": HouseSession}, disable_autonaming=True)

if TYPE_CHECKING:
    Model = _Base
else:
    Model = db.Model


@dataclass
class _Open:
    scope: Scope
    session: Session
    connection: Connection | None = None
    after_commit: list[Callable[[], None]] = field(default_factory=list)


_open: ContextVar[_Open | None] = ContextVar("posthouse_open_transaction", default=None)


@contextmanager
def transaction(scope: Scope) -> Iterator[Session]:
    """Open the one transaction of an edge; commits at the end, rolls back on any exception.

    Raises: NestedTransaction inside another one.
    """
    if _open.get() is not None:
        raise NestedTransaction("an edge opens one transaction; services compose inside it")
    live = db.session()
    live.info["scope"] = scope
    opened = _Open(scope, live)
    token = _open.set(opened)
    try:
        yield live
        live.commit()
    except BaseException:
        live.rollback()
        raise
    finally:
        _open.reset(token)
        live.info.pop("scope", None)
        db.session.remove()
    for act in opened.after_commit:
        act()


def session(scope: Scope) -> Session:
    """Return the open transaction's session for a service or query. Raises: NoTransaction, ScopeMismatch."""
    opened = _open.get()
    if opened is None:
        raise NoTransaction("services run inside `with transaction(scope):`")
    if (opened.scope.reach, opened.scope.tenant_id, opened.scope.reseller_id) != (scope.reach, scope.tenant_id, scope.reseller_id):
        raise ScopeMismatch("the open transaction belongs to another scope")
    return opened.session


def connection(scope: Scope) -> Connection:
    """Return the open transaction's connection, for `statements.rows`. Raises: NoTransaction, ScopeMismatch."""
    live, opened = session(scope), _open.get()
    if opened is None:
        raise NoTransaction("services run inside `with transaction(scope):`")
    if opened.connection is None:
        opened.connection = live.connection()
    return opened.connection


def in_transaction() -> bool:
    """Say whether a transaction is open here; nothing outside may be spoken to while one is."""
    return _open.get() is not None


def after_commit(scope: Scope, act: Callable[[], None]) -> None:
    """Have `act` called once the open transaction is committed; a rolled-back one never calls it. It must not raise."""
    session(scope)
    opened = _open.get()
    if opened is not None:
        opened.after_commit.append(act)


def current_tenant() -> int:
    """Return the tenant of the open transaction, as default of `tenant_id` columns."""
    opened = _open.get()
    if opened is None:
        raise NoTransaction("a row is made inside `with transaction(scope):`")
    return opened.scope.tenant


def current_reseller() -> int:
    """Return the reseller of the open transaction, as default of `reseller_id` columns."""
    opened = _open.get()
    if opened is None:
        raise NoTransaction("a row is made inside `with transaction(scope):`")
    return opened.scope.reseller


# Reads what the connection still carries and sets ours, in one statement; MATERIALIZED keeps the reading before the setting.
_ENTER = (
    "WITH before AS MATERIALIZED (SELECT coalesce(current_setting('posthouse.tenant_id', true), '')"
    " || coalesce(current_setting('posthouse.reseller_id', true), '') AS held)"
    " SELECT before.held, set_config('posthouse.tenant_id', %(tenant)s, true), set_config('posthouse.reseller_id', %(reseller)s, true) FROM before"
)


@event.listens_for(HouseSession, "after_begin")
def _enter(live: Session, begun: SessionTransaction, connection: Connection) -> None:
    if begun.nested:
        return
    scope = live.info.get("scope")
    if scope is None:
        raise NoScope("use `with transaction(scope):` before any query")
    values = {"tenant": str(scope.tenant_id or ""), "reseller": str(scope.reseller_id or "")}
    if connection.exec_driver_sql(_ENTER, values).one()[0]:
        connection.invalidate()
        raise LeakedContext("a pooled connection still carried a tenant")


def role_url(admin_url: str, role: str, keyring: Keyring) -> URL:
    """Return the address for one database role. Over a private socket no password is needed, but it does no harm."""
    return make_url(admin_url).set(drivername="postgresql+psycopg", username=f"posthouse_{role}", password=database_password(keyring, role))


# A server that is silently gone is noticed soon: when connecting (seconds), and when it acknowledges nothing (milliseconds).
_PATIENCE = {"connect_timeout": 5, "tcp_user_timeout": 20_000}


def configure(app: Flask, settings: Settings, keyring: Keyring, *, process: str, pool_size: int = 5) -> None:
    """Give the app one engine a role; nothing connects before it is used."""
    options = {"pool_size": pool_size, "max_overflow": 20, "pool_pre_ping": True, "pool_recycle": 1800, "connect_args": _PATIENCE}
    app.config["POSTHOUSE_PROCESS"] = process
    app.config["SQLALCHEMY_BINDS"] = {role: {"url": role_url(settings.database_url, role, keyring), **options} for role in ROLES}
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"json_serializer": _json}
    db.init_app(app)
    logs.get().debug("database.configured", as_process=process)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def dispose_after_fork(app: Flask) -> None:
    """Forget the parent's connections in a forked child without closing them."""
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose(close=False)
