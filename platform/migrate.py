"""Brings a database to the newest revision: roles first, then the tables, all as the owner role without login."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import OperationalError

from posthouse.platform.secrets import Keyring, database_password
from posthouse.platform.settings import WrongSetting

LOGIN_ROLES = ("app", "worker", "sched", "edge", "operator")
NOLOGIN_ROLES = ("owner", "lookup")
STATEMENT_TIMEOUT_SECONDS = {"app": 15, "edge": 5, "sched": 30, "worker": 300, "operator": 60}
# Two starts at once must not migrate at once; the number is arbitrary and ours.
_LOCK = 7_305_118_221


def migrate(admin_url: str, keyring: Keyring) -> None:
    """Make or bring up to date roles and tables. May be repeated; killed half-way it rolls back. Talks to the database only.

    Raises: WrongSetting when the database can't be reached.
    """
    from posthouse.platform import revisions  # noqa: PLC0415 - Alembic is no part of what every process loads

    engine = sa.create_engine(make_url(admin_url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    with _connected(engine) as connection, connection.begin():
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        _ensure_roles(connection, keyring)
        # Who gets a function must be able to make one there; only while migrating.
        connection.execute(sa.text("GRANT CREATE ON SCHEMA public TO posthouse_lookup"))
        connection.execute(sa.text("SET ROLE posthouse_owner"))
        revisions.upgrade(connection)
        connection.execute(sa.text("RESET ROLE"))
        connection.execute(sa.text("REVOKE CREATE ON SCHEMA public FROM posthouse_lookup"))
    engine.dispose()


def _connected(engine: sa.Engine) -> Connection:
    try:
        return engine.connect()
    except OperationalError as problem:
        said = str(problem.orig).strip().splitlines()[0]
        raise WrongSetting(f"POSTHOUSE_DATABASE_URL: the database can't be reached ({said}). `posthouse doctor` says more.") from None


def _ensure_roles(connection: Connection, keyring: Keyring) -> None:
    known = set(connection.execute(sa.text("SELECT rolname FROM pg_roles WHERE rolname LIKE 'posthouse\\_%'")).scalars())
    # Roles belong to the whole server, so two databases being made at once may both want to create them.
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK + 1})
    for role in NOLOGIN_ROLES:
        if f"posthouse_{role}" not in known:
            connection.exec_driver_sql(f"CREATE ROLE posthouse_{role} NOLOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT")
    for role in LOGIN_ROLES:
        if f"posthouse_{role}" not in known:
            connection.exec_driver_sql(f"CREATE ROLE posthouse_{role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOINHERIT")
        _set_up_login(connection, role, database_password(keyring, role))
    _hand_over(connection)


def _set_up_login(connection: Connection, role: str, password: str) -> None:
    connection.exec_driver_sql(f"ALTER ROLE posthouse_{role} PASSWORD '{password}'")
    connection.exec_driver_sql(f"ALTER ROLE posthouse_{role} SET statement_timeout = '{STATEMENT_TIMEOUT_SECONDS[role]}s'")
    connection.exec_driver_sql(f"ALTER ROLE posthouse_{role} SET idle_in_transaction_session_timeout = '120s'")
    connection.exec_driver_sql(f"ALTER ROLE posthouse_{role} SET search_path = public")


def _hand_over(connection: Connection) -> None:
    """Let the owner make tables, and let the administrator (here only) act as the owner."""
    database = connection.exec_driver_sql("SELECT current_database()").scalar_one()
    quoted = '"' + str(database).replace('"', '""') + '"'
    connection.exec_driver_sql("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    connection.exec_driver_sql("GRANT ALL ON SCHEMA public TO posthouse_owner")
    connection.exec_driver_sql("GRANT USAGE, CREATE ON SCHEMA public TO posthouse_lookup")
    connection.exec_driver_sql(f"GRANT CREATE, TEMPORARY ON DATABASE {quoted} TO posthouse_owner")
    connection.exec_driver_sql(f"REVOKE ALL ON DATABASE {quoted} FROM PUBLIC")
    for role in LOGIN_ROLES:
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA public TO posthouse_{role}")
        connection.exec_driver_sql(f"GRANT CONNECT, TEMPORARY ON DATABASE {quoted} TO posthouse_{role}")
    administrator = connection.exec_driver_sql("SELECT current_user").scalar_one()
    connection.exec_driver_sql(f'GRANT posthouse_owner TO "{administrator}" WITH INHERIT FALSE, SET TRUE')
    # The owner hands look-up functions over to their role; it needs to be able to become it for that, and only for that.
    connection.exec_driver_sql("GRANT posthouse_lookup TO posthouse_owner WITH INHERIT FALSE, SET TRUE")
