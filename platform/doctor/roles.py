"""Are the database roles there, can they log in, and has none of them more than its rights?"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from posthouse.platform.db import role_url
from posthouse.platform.doctor.database import connected
from posthouse.platform.doctor.findings import Finding, Ground, fail, ok, reason
from posthouse.platform.migrate import LOGIN_ROLES, NOLOGIN_ROLES
from posthouse.platform.secrets import Keyring

AGAIN = "Run `posthouse migrate`, which makes the roles and sets their passwords."
_LOGINS = [f"posthouse_{role}" for role in LOGIN_ROLES]
_ALL = [*_LOGINS, *(f"posthouse_{role}" for role in NOLOGIN_ROLES)]

_SCOPED = (
    "SELECT c.oid, c.relname, c.relrowsecurity AND c.relforcerowsecurity AS walled FROM pg_class c"
    " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND EXISTS (SELECT FROM pg_attribute a"
    " WHERE a.attrelid = c.oid AND a.attname IN ('tenant_id', 'reseller_id') AND NOT a.attisdropped)"
)
# Each lists what is too much, as a sentence, with the statement that mends it.
_TOO_MUCH: dict[str, str] = {
    "attribute": "SELECT rolname || ' ' || f.has, format('ALTER ROLE %I %s', rolname, f.mend) FROM pg_roles, LATERAL (VALUES"
    " (rolsuper, 'is a superuser', 'NOSUPERUSER'), (rolbypassrls, 'goes around row security', 'NOBYPASSRLS'),"
    " (rolcreaterole, 'may make roles', 'NOCREATEROLE'), (rolcreatedb, 'may make databases', 'NOCREATEDB'),"
    " (rolreplication, 'may read everything by replication', 'NOREPLICATION'),"
    " (rolcanlogin AND NOT rolname = ANY(:logins), 'may log in', 'NOLOGIN')) f (true_of, has, mend)"
    " WHERE rolname = ANY(:ours) AND f.true_of",
    "membership": "SELECT format('%I may become %I', m.rolname, r.rolname), format('REVOKE %I FROM %I', r.rolname, m.rolname)"
    " FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles r ON r.oid = a.roleid WHERE m.rolname = ANY(:ours)"
    " AND (m.rolname, r.rolname) <> ('posthouse_owner', 'posthouse_lookup')",
    "ownership": "SELECT format('%I owns %I', r.rolname, c.relname), format('ALTER TABLE %I OWNER TO posthouse_owner', c.relname)"
    " FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.relnamespace = 'public'::regnamespace AND r.rolname = ANY(:logins)",
    "grant": "SELECT format('%s has %s on %I', coalesce(r.rolname, 'everybody'), g.privilege_type, c.relname),"
    " format('REVOKE %s ON %I FROM %s', g.privilege_type, c.relname, coalesce(quote_ident(r.rolname), 'PUBLIC'))"
    " FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee"
    " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND (g.grantee = 0 OR"
    " (r.rolname = ANY(:logins) AND (g.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN') OR g.is_grantable)))",
    "schema": "SELECT r.rolname || ' may make objects in the schema public', format('REVOKE CREATE ON SCHEMA public FROM %I, PUBLIC',"
    " r.rolname) FROM pg_roles r WHERE r.rolname = ANY(:logins) AND has_schema_privilege(r.rolname, 'public', 'CREATE')",
    "wall": f"SELECT s.relname || ' has no forced row security', format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL"
    f" SECURITY', s.relname) FROM ({_SCOPED}) s WHERE NOT s.walled",
}


def look(ground: Ground) -> Iterator[Finding]:
    """Compare the roles with what they should be, then log in as each and try the wall."""
    if not ground.settings.database_url:
        return
    try:
        with connected(ground.settings.database_url) as connection:
            found = set(connection.execute(sa.text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:ours)"), {"ours": _ALL}).scalars())
            yield from _present(found)
            yield from _rights(connection)
    except SQLAlchemyError:
        return  # the check of the database says why it can't be reached
    if ground.keyring is None:
        yield fail("roles", "without a master key there is no password to log in with", "See what is said of the master keys.")
        return
    for role in LOGIN_ROLES:
        if f"posthouse_{role}" in found:
            yield _log_in(ground.settings.database_url, role, ground.keyring)


def _present(found: set[str]) -> Iterator[Finding]:
    missing = [name for name in _ALL if name not in found]
    if missing:
        yield fail("roles", f"missing: {', '.join(missing)}", AGAIN)
    else:
        yield ok("roles", f"all {len(_ALL)} are there")


def _rights(connection: Connection) -> Iterator[Finding]:
    before = True
    for query in _TOO_MUCH.values():
        for what, mend in connection.execute(sa.text(query), {"ours": _ALL, "logins": _LOGINS}):
            before = False
            yield fail("roles", what, f"As an administrator: {mend};")
    if before:
        yield ok("roles", "none has more than its rights, every scoped table has forced row security")


def _log_in(admin_url: str, role: str, keyring: Keyring) -> Finding:
    from posthouse.platform.schema import UNDER_POLICY  # noqa: PLC0415 - it loads Alembic, which is no part of every process

    name = f"posthouse_{role}"
    try:
        with connected(role_url(admin_url, role, keyring)) as connection:
            open_tables = _open_tables(connection) if role in UNDER_POLICY else []
    except SQLAlchemyError as problem:
        return fail("roles", f"{name} can't log in: {reason(problem)}", f"{AGAIN} The master keys must be those of this installation.")
    if open_tables:
        return fail(
            "roles",
            f"{name} reads without a tenant: {', '.join(open_tables[:5])}",
            "Stop the product at once and compare the policies with those that the migrations make.",
        )
    return ok("roles", f"{name} logs in" + (" and reads nothing without a tenant" if role in UNDER_POLICY else ""))


def _open_tables(connection: Connection) -> list[str]:
    """List the scoped tables of which this role, with no tenant set, sees a row or to which row security does not apply."""
    rows = connection.execute(
        sa.text(f"SELECT quote_ident(relname), row_security_active(oid), has_table_privilege(oid, 'SELECT') FROM ({_SCOPED}) s")
    )
    found = []
    for table, walled, readable in rows.all():
        seen = readable and connection.exec_driver_sql(f"SELECT 1 FROM {table} LIMIT 1").first() is not None
        if seen or not walled:
            found.append(table)
    return found
