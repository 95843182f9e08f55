"""Fills every scoped table with a row for each tenant or reseller, so that a test of the wall has something to hide.

The database is the test's own: its checks are dropped and its foreign keys sleep, for only the wall is asked about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from catalogue import SCOPED
from psycopg import sql


@dataclass(frozen=True)
class Table:
    """A scoped table and the columns that a row needs: name and type, the scope column apart."""

    name: str
    scope: str
    columns: tuple[tuple[str, str], ...]

    def insert(self, scope_id: int, seed: int) -> sql.Composed:
        """Return a statement that adds one row; another seed makes another row."""
        names = [self.scope, *(name for name, _ in self.columns)]
        values = [sql.Literal(scope_id), *(_value(kind, seed) for _, kind in self.columns)]
        into = sql.SQL(", ").join(map(sql.Identifier, names))
        return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(self.name), into, sql.SQL(", ").join(values))


def _value(kind: str, seed: int) -> sql.Composable:
    values: dict[str, Any] = {
        "boolean": False,
        "bytea": f"x{seed}".encode(),
        "date": "2026-01-01",
        "double precision": 1.0,
        "jsonb": "{}",
        "text": f"x{seed}",
        "text[]": ["x"],
        "timestamp with time zone": "2026-01-01T00:00:00Z",
    }
    return sql.SQL("{}::{}").format(sql.Literal(values.get(kind, seed)), sql.SQL(kind))


def scoped_tables(live: psycopg.Connection) -> list[Table]:
    """List all scoped tables, whoever may touch them."""
    found = live.execute(f"SELECT relname, scope, oid FROM ({SCOPED}) s ORDER BY 1").fetchall()
    return [Table(name, scope, _columns(live, oid, scope)) for name, scope, oid in found]


def _columns(live: psycopg.Connection, oid: int, scope: str) -> tuple[tuple[str, str], ...]:
    query = (
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute a WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped"
        " AND attname <> %s AND attgenerated = '' AND ((attnotnull AND (NOT atthasdef OR attname = 'id')) OR attname = 'for_tenant_id') ORDER BY attnum"
    )
    return tuple(live.execute(query, [oid, scope]).fetchall())


def fill(live: psycopg.Connection, tables: list[Table], ids: dict[str, list[int]]) -> None:
    """Give each table one row for each id of its scope column, as the administrator."""
    checks = live.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
    ).fetchall()
    for table, name in checks:
        live.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.Identifier(table), sql.Identifier(name)))
    live.execute("SET session_replication_role = replica")
    for table in tables:
        for scope_id in ids[table.scope]:
            live.execute(table.insert(scope_id, 1))
    live.execute("RESET session_replication_role")
