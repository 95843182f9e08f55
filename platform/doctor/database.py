"""Is the database there, new enough, ours to manage, and at the revision of this code?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from posthouse.platform.doctor.findings import Finding, Ground, fail, ok, reason

OLDEST = 150_000  # server_version_num of PostgreSQL 15: grants WITH SET and security_invoker views are newer than 14
PATIENCE_SECONDS = 5


@contextmanager
def connected(url: str | URL) -> Iterator[Connection]:
    """Open one connection that changes nothing. Raises: SQLAlchemyError when it can't be had."""
    address = make_url(url).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(address, poolclass=sa.NullPool, connect_args={"connect_timeout": PATIENCE_SECONDS})
    with engine.connect() as connection:
        connection.execute(sa.text("SET TRANSACTION READ ONLY"))
        yield connection
        connection.rollback()


def look(ground: Ground) -> Iterator[Finding]:
    """Reach the database as the administrator, and compare versions and revisions."""
    if not ground.settings.database_url:
        return
    try:
        with connected(ground.settings.database_url) as connection:
            yield _version(connection)
            yield _administrator(connection)
            yield _revision(connection)
    except (ArgumentError, ValueError):
        yield fail("database", "POSTHOUSE_DATABASE_URL is no address", "Write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE.")
    except SQLAlchemyError as problem:
        yield fail(
            "database",
            f"can't be reached: {reason(problem)}",
            "Start PostgreSQL, or correct POSTHOUSE_DATABASE_URL (host, user, password).",
        )


def _version(connection: Connection) -> Finding:
    number = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if number < OLDEST:
        return fail("database", f"PostgreSQL {number // 10_000} is too old", "Move to PostgreSQL 15 or later.")
    if encoding != "UTF8":
        return fail("database", f"the encoding is {encoding}", "Make the database anew with ENCODING 'UTF8'.")
    return ok("database", f"PostgreSQL {number // 10_000}.{number % 10_000} answers")


def _administrator(connection: Connection) -> Finding:
    name, may = connection.exec_driver_sql("SELECT rolname, rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user").one()
    if may:
        return ok("database", f"{name} may manage roles")
    return fail(
        "database", f"{name} may not manage roles", f"As a superuser: ALTER ROLE {name} CREATEROLE; or name another user in the address."
    )


def _revision(connection: Connection) -> Finding:
    from posthouse.platform import revisions  # noqa: PLC0415 - Alembic is no part of what every process loads

    newest = revisions.head()
    # An administrator who is no superuser may become the tables' owner, and sees no table as himself.
    if connection.exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = 'posthouse_owner' AND pg_has_role(oid, 'MEMBER')").first():
        connection.exec_driver_sql("SET LOCAL ROLE posthouse_owner")
    present = revisions.current(connection)
    if present == newest:
        return ok("migrations", f"up to date at {newest}")
    if present is None:
        return fail("migrations", "the database is empty", "Run `posthouse migrate`; `posthouse up` does it by itself.")
    if revisions.knows(present):
        return fail("migrations", f"the database stands at {present}, this code wants {newest}", "Run `posthouse migrate`.")
    return fail(
        "migrations", f"the database stands at {present}, which this code does not know", "Run the newer Posthouse that migrated it."
    )
