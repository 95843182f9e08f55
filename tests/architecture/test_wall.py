"""Every scoped table, asked by every role that lives under the policy, in every kind of context."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
import pytest
from filling import Table, fill, scoped_tables
from psycopg import sql

OWN, OTHER = 11, 22
_ABOUT = "SELECT tablename FROM pg_policies WHERE policyname = 'own_tenant'"
_MAY_MOVE = "SELECT has_column_privilege(%s, %s, 'for_tenant_id', 'UPDATE')"
ROLES = ("posthouse_app", "posthouse_worker", "posthouse_edge")


@pytest.fixture
def live(settings) -> Iterator[psycopg.Connection]:
    """A connection of the administrator to a database in which every scoped table has a row of OWN and one of OTHER."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        both = [OWN, OTHER]
        fill(connection, scoped_tables(connection), {"tenant_id": both, "reseller_id": both})
        yield connection


def _with(live, privilege: str, role: str) -> list[Table]:
    """List the tables on which a role has a privilege, on the whole table or on some column of it."""
    query = "SELECT has_any_column_privilege(%s, %s, %s)"
    return [table for table in scoped_tables(live) if live.execute(query, [role, table.name, privilege]).fetchone()[0]]


def _enter(live, role: str, value: str | None, *scopes: str) -> None:
    live.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
    if value is not None:
        for name in scopes:
            live.execute("SELECT set_config(%s, %s, true)", [f"posthouse.{name}", value])


def _count(table: Table) -> sql.Composed:
    return sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table.name))


def test_every_scoped_table_is_filled_and_somebody_under_the_policy_uses_it(live):
    """So that no table is left out of the tests below without anybody noticing."""
    tables = scoped_tables(live)
    assert len(tables) > 30
    assert {table.name for table in tables if live.execute(_count(table)).fetchone() != (2,)} == set()
    used = {table.name for role in ROLES for what in ("SELECT", "INSERT") for table in _with(live, what, role)}
    assert {table.name for table in tables} - used == set()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("context", "rows"), [(None, 0), ("", 0), (str(OWN), 1), (str(OTHER), 1), ("33", 0)])
def test_a_context_sees_its_own_row_and_no_other(live, role, context, rows):
    """Never set, empty, own, another's, nobody's."""
    for table in _with(live, "SELECT", role):
        with live.transaction():
            _enter(live, role, context, table.scope)
            assert live.execute(_count(table)).fetchone() == (rows,), table.name


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("value", ["1 OR 1=1", "11; DROP TABLE contact", "99999999999999999999"])
def test_a_malformed_context_is_an_error_and_no_key(live, role, value):
    wrong = (psycopg.errors.InvalidTextRepresentation, psycopg.errors.NumericValueOutOfRange)
    for table in _with(live, "SELECT", role):
        with pytest.raises(wrong), live.transaction():
            _enter(live, role, value, table.scope)
            live.execute(_count(table))


@pytest.mark.parametrize("role", ROLES)
def test_no_row_is_added_for_another(live, role):
    """The same statement is taken for the own scope, so it is the wall that refuses it for another's."""
    live.execute("SET session_replication_role = replica")  # foreign keys sleep; the wall does not
    for table in _with(live, "INSERT", role):
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused, live.transaction():
            _enter(live, role, str(OWN), table.scope)
            live.execute(table.insert(OTHER, 2))
        if not live.execute("SELECT has_table_privilege(%s, %s, 'INSERT')", [role, table.name]).fetchone()[0]:
            continue  # some columns only: the grant refused it before the wall was asked
        assert "row-level security" in str(refused.value), table.name
        # A table of one row a scope finds its own row there, which it could not if the wall had refused first.
        with contextlib.suppress(psycopg.errors.UniqueViolation), live.transaction():
            _enter(live, role, str(OWN), table.scope)
            live.execute(table.insert(OWN, 2))


@pytest.mark.parametrize("role", ROLES)
def test_no_row_is_changed_moved_or_deleted_across(live, role):
    live.execute("SET session_replication_role = replica")
    for table in _with(live, "UPDATE", role):
        if not live.execute("SELECT has_column_privilege(%s, %s, %s, 'UPDATE')", [role, table.name, table.scope]).fetchone()[0]:
            continue  # the role can't move a row at all
        names = {"table": sql.Identifier(table.name), "scope": sql.Identifier(table.scope), "other": OTHER}
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"), live.transaction():
            _enter(live, role, str(OWN), table.scope)
            live.execute(sql.SQL("UPDATE {table} SET {scope} = {other}").format(**names))
        with live.transaction():
            _enter(live, role, str(OWN), table.scope)
            assert live.execute(sql.SQL("UPDATE {table} SET {scope} = {scope} WHERE {scope} = {other}").format(**names)).rowcount == 0
    for table in _with(live, "SELECT", role):
        if not live.execute("SELECT has_table_privilege(%s, %s, 'DELETE')", [role, table.name]).fetchone()[0]:
            continue
        with live.transaction():
            _enter(live, role, str(OWN), table.scope)
            gone = sql.SQL("DELETE FROM {} WHERE {} = {}").format(sql.Identifier(table.name), sql.Identifier(table.scope), OTHER)
            assert live.execute(gone).rowcount == 0, table.name


@pytest.mark.parametrize("role", ROLES)
def test_a_tenant_sees_of_its_reseller_s_rows_only_those_about_itself(live, role):
    """In a tenant's transaction its reseller is known too: rows about its siblings stay hidden all the same, and none are written."""
    live.execute("SET session_replication_role = replica")
    about = {name for (name,) in live.execute(_ABOUT)}
    assert about == {"tenant", "tenant_day", "tenant_tally", "standing", "stripe_customer", "reseller_pool"}
    for table in _with(live, "SELECT", role):
        if table.name not in about:
            continue
        # OWN has a row that is about tenant 1, as it was filled in.
        for tenant, seen in (("1", 1), ("2", 0), ("", 1)):
            with live.transaction():
                _enter(live, role, str(OWN), "reseller_id")
                _enter(live, role, tenant, "tenant_id")
                assert live.execute(_count(table)).fetchone() == (seen,), (table.name, tenant)
        if table.name != "tenant" and live.execute(_MAY_MOVE, [role, table.name]).fetchone()[0]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"), live.transaction():
                _enter(live, role, str(OWN), "reseller_id")
                _enter(live, role, "1", "tenant_id")
                live.execute(sql.SQL("UPDATE {} SET for_tenant_id = 2").format(sql.Identifier(table.name)))
        if live.execute("SELECT has_table_privilege(%s, %s, 'INSERT')", [role, table.name]).fetchone()[0]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"), live.transaction():
                _enter(live, role, str(OWN), "reseller_id")
                _enter(live, role, "1", "tenant_id")
                live.execute(table.insert(OWN, 2))


@pytest.mark.parametrize("role", ROLES)
def test_a_tenant_sees_of_its_reseller_s_rows_those_about_nobody(live, role):
    """A pool that is granted and no tenant's own may be chosen by each of them."""
    if not live.execute("SELECT has_table_privilege(%s, 'reseller_pool', 'SELECT')", [role]).fetchone()[0]:
        return
    live.execute("UPDATE reseller_pool SET for_tenant_id = NULL")
    for tenant in ("1", "2", ""):
        with live.transaction():
            _enter(live, role, str(OWN), "reseller_id")
            _enter(live, role, tenant, "tenant_id")
            assert live.execute("SELECT count(*) FROM reseller_pool").fetchone() == (1,)
