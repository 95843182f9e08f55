"""The migration helper: makes a table with its scope column, keys, policy and grants. All that migrations import of ours.

The scope column is first in the primary key, in every unique key, in every index and in every foreign key, since
referential actions and unique keys ignore row security. The one policy has the same text everywhere, and never an OR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from alembic import op

TENANT_POLICY = "tenant_id = (SELECT nullif(current_setting('posthouse.tenant_id', true), '')::bigint)"
RESELLER_POLICY = "reseller_id = (SELECT nullif(current_setting('posthouse.reseller_id', true), '')::bigint)"
# In a reseller's table whose rows are about tenants: a tenant's own transaction sees the rows about itself, the reseller's all of its own.
ABOUT_POLICY = "{column} = coalesce((SELECT nullif(current_setting('posthouse.tenant_id', true), '')::bigint), {column})"
# The same where a row need not be about any tenant: such a one is everybody's.
ABOUT_SOME_POLICY = "coalesce({column} = (SELECT nullif(current_setting('posthouse.tenant_id', true), '')::bigint), true)"

# Roles that see a scoped table only through the policy, and those that have a policy of their own on the few tables
# that scheduling and look-up need.
UNDER_POLICY = ("app", "worker", "edge")
ACROSS = ("sched", "lookup", "operator")


@dataclass(frozen=True, slots=True)
class Grants:
    """What each database role may do with the table: SQL privilege lists such as "select, insert, update (state)"."""

    app: str = ""
    worker: str = ""
    edge: str = ""
    sched: str = ""
    lookup: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Ref:
    """A foreign key within the same scope; the scope column is added on both sides."""

    columns: Sequence[str]
    table: str
    on_delete: str = "NO ACTION"
    target: Sequence[str] = ("id",)


@dataclass(frozen=True, slots=True)
class Index:
    """An index; the scope column is put first. `where` makes it partial, `include` covering."""

    columns: Sequence[str]
    unique: bool = False
    where: str | None = None
    include: Sequence[str] = ()
    name: str | None = None


EVERYTHING = "select, insert, update, delete"


def tenant_table(
    name: str,
    *columns: sa.Column[Any],
    unique: Sequence[Sequence[str]] = (),
    references: Sequence[Ref] = (),
    checks: Sequence[tuple[str, str]] = (),
    indexes: Sequence[Index] = (),
    grants: Grants = Grants(app=EVERYTHING, worker=EVERYTHING),
    anchored: bool = True,
    with_id: bool = True,
    storage: str = "",
) -> None:
    """Make a tenant's table. `anchored` ties it to tenant_profile; leave it off only where rows are made by the million."""
    anchor = [("fk", "tenant_profile")] if anchored else []
    _scoped_table(name, "tenant_id", TENANT_POLICY, columns, unique, references, checks, indexes, grants, anchor, with_id, storage)


def reseller_table(
    name: str,
    *columns: sa.Column[Any],
    unique: Sequence[Sequence[str]] = (),
    references: Sequence[Ref] = (),
    checks: Sequence[tuple[str, str]] = (),
    indexes: Sequence[Index] = (),
    grants: Grants = Grants(app=EVERYTHING, worker=EVERYTHING),
    with_id: bool = True,
    storage: str = "",
    about: str = "",
) -> None:
    """Make a reseller's table, tied to its row in `reseller`. `about` names the column with the tenant that a row is about, if any."""
    _scoped_table(
        name, "reseller_id", RESELLER_POLICY, columns, unique, references, checks, indexes, grants, [("fk", "reseller")], with_id, storage
    )
    if about:
        some = any(column.name == about and column.nullable for column in columns)
        policy = (ABOUT_SOME_POLICY if some else ABOUT_POLICY).format(column=about)
        roles = ", ".join(f"posthouse_{role}" for role in UNDER_POLICY if getattr(grants, role))
        op.execute(f"CREATE POLICY own_tenant ON {name} AS RESTRICTIVE TO {roles} USING ({policy}) WITH CHECK ({policy})")


def platform_table(
    name: str,
    *columns: sa.Column[Any],
    unique: Sequence[Sequence[str]] = (),
    references: Sequence[Ref] = (),
    checks: Sequence[tuple[str, str]] = (),
    indexes: Sequence[Index] = (),
    grants: Grants,
    with_id: bool = True,
    storage: str = "",
) -> None:
    """Make a table of the installation itself; its name must stand on the audit's list of platform tables."""
    own = [_id_column(), *columns] if with_id else list(columns)
    op.create_table(name, *own)
    for keys in unique:
        op.create_unique_constraint(f"uq_{name}_{'_'.join(keys)}", name, list(keys))
    for ref in references:
        op.create_foreign_key(
            f"fk_{name}_{'_'.join(ref.columns)}", name, ref.table, list(ref.columns), list(ref.target), ondelete=ref.on_delete
        )
    _finish(name, (), checks, indexes, grants, storage)


def _id_column() -> sa.Column[Any]:
    return sa.Column("id", sa.BigInteger, server_default=sa.text("posthouse_id()"), primary_key=True)


def _scoped_table(
    name: str,
    scope: str,
    policy: str,
    columns: Sequence[sa.Column[Any]],
    unique: Sequence[Sequence[str]],
    references: Sequence[Ref],
    checks: Sequence[tuple[str, str]],
    indexes: Sequence[Index],
    grants: Grants,
    anchor: Sequence[tuple[str, str]],
    with_id: bool,  # noqa: FBT001 - private, always by position
    storage: str,
) -> None:
    own: list[sa.Column[Any]] = [sa.Column(scope, sa.BigInteger, nullable=False, primary_key=True)]
    if with_id:
        own.append(_id_column())
    op.create_table(name, *own, *columns)
    for _, table in anchor:
        target = [scope] if table == "tenant_profile" else ["id"]
        op.create_foreign_key(f"fk_{name}_{scope}", name, table, [scope], target)
    for keys in unique:
        op.create_unique_constraint(f"uq_{name}_{'_'.join(keys)}", name, [scope, *keys])
    for ref in references:
        op.create_foreign_key(
            f"fk_{name}_{'_'.join(ref.columns)}",
            name,
            ref.table,
            [scope, *ref.columns],
            [scope, *ref.target],
            ondelete=_on_delete(ref),
        )
    _protect(name, policy, grants)
    _finish(name, (scope,), checks, indexes, grants, storage)


def _on_delete(ref: Ref) -> str:
    """SET NULL must leave the scope column alone (PostgreSQL 15 and later can name the columns)."""
    return f"SET NULL ({', '.join(ref.columns)})" if ref.on_delete == "SET NULL" else ref.on_delete


def _protect(name: str, policy: str, grants: Grants) -> None:
    op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
    under = [role for role in UNDER_POLICY if getattr(grants, role)]
    if under:
        roles = ", ".join(f"posthouse_{role}" for role in under)
        op.execute(f"CREATE POLICY own_scope ON {name} TO {roles} USING ({policy}) WITH CHECK ({policy})")
    for role in ACROSS:
        if getattr(grants, role):
            op.execute(f"CREATE POLICY across_{role} ON {name} TO posthouse_{role} USING (true) WITH CHECK (true)")


def _finish(
    name: str, first: Sequence[str], checks: Sequence[tuple[str, str]], indexes: Sequence[Index], grants: Grants, storage: str
) -> None:
    for check, condition in checks:
        op.create_check_constraint(f"ck_{name}_{check}", name, condition)
    for index in indexes:
        columns = [*first, *index.columns]
        op.create_index(
            index.name or f"{'uq' if index.unique else 'ix'}_{name}_{'_'.join(c.split()[0] for c in index.columns)}",
            name,
            [sa.text(column) for column in columns],
            unique=index.unique,
            postgresql_where=sa.text(index.where) if index.where else None,
            postgresql_include=list(index.include) or None,
        )
    if storage:
        op.execute(f"ALTER TABLE {name} SET ({storage})")
    for role in fields(grants):
        privileges = getattr(grants, role.name)
        if privileges:
            op.execute(f"GRANT {privileges} ON {name} TO posthouse_{role.name}")


def lookup_function(
    signature: str, *, returns: str, body: str, callers: Sequence[str], language: str = "sql", volatility: str = "STABLE"
) -> None:
    """Make a function that sees across tenants for what must be known before the tenant is.

    It runs as posthouse_lookup with a pinned search path, and only the named roles may call it. The body must match
    exactly and return as little as will do.
    """
    name = signature.split("(", 1)[0]
    types = (
        f"{name}({', '.join(part.strip().split(' ', 1)[1] for part in signature.split('(', 1)[1].rstrip(')').split(',') if part.strip())})"
    )
    op.execute(
        f"CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE {language} {volatility} SECURITY DEFINER"
        f" SET search_path = pg_catalog, public AS $function${body}$function$"
    )
    op.execute(f"REVOKE ALL ON FUNCTION {types} FROM PUBLIC")
    for role in callers:
        op.execute(f"GRANT EXECUTE ON FUNCTION {types} TO posthouse_{role}")
    op.execute(f"ALTER FUNCTION {types} OWNER TO posthouse_lookup")


def lookup_trigger(name: str, *, after: str, table: str, seen: str, statement: str) -> None:
    """Have a statement follow each one that changes a table's rows; it may write for any tenant, since cascades run as the tables' owner.

    `after` is INSERT, UPDATE or DELETE; `seen` names the changed rows ("NEW TABLE AS new_rows"). Runs as posthouse_lookup, and nobody may call it.
    """
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public"
        f" AS $function$ BEGIN {statement}; RETURN NULL; END $function$"
    )
    op.execute(f"REVOKE ALL ON FUNCTION {name}() FROM PUBLIC")
    op.execute(f"CREATE TRIGGER {name} AFTER {after} ON {table} REFERENCING {seen} FOR EACH STATEMENT EXECUTE FUNCTION {name}()")
    op.execute(f"ALTER FUNCTION {name}() OWNER TO posthouse_lookup")


def drop_lookups(*signatures: str) -> None:
    """Drop functions made here, triggers' too, once their tables are gone; only the role they were handed to may drop them."""
    op.execute("SET LOCAL ROLE posthouse_lookup")
    for signature in signatures:
        op.execute(f"DROP FUNCTION {signature}")
    op.execute("SET LOCAL ROLE posthouse_owner")


def drop_tables(*names: str) -> None:
    """Drop tables in the given order."""
    for name in names:
        op.drop_table(name)
