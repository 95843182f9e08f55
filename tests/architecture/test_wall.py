"""Every scoped table, asked under every kind of context: own rows only, and nothing where there is no context."""

from __future__ import annotations

import psycopg
import pytest
from catalogue import SCOPED
from psycopg import sql


def _tables(live):
    """List the scoped tables that the web service may read, with their scope column."""
    query = f"SELECT relname, scope FROM ({SCOPED}) s WHERE has_table_privilege('posthouse_app', oid, 'SELECT') ORDER BY 1"
    return live.execute(query).fetchall()


@pytest.mark.parametrize("context", ["none", "other", "malformed"])
def test_a_foreign_context_sees_no_row_of_any_table(settings, world, context):
    value = {"none": "", "other": str(world.b1.id + 1), "malformed": "1 OR 1=1"}[context]
    with psycopg.connect(settings.database_url, autocommit=True) as live:
        tables = _tables(live)
        assert len(tables) > 25
        live.execute("SET ROLE posthouse_app")
        for name, _ in tables:
            with live.transaction():
                live.execute(
                    "SELECT set_config('posthouse.tenant_id', %s, true), set_config('posthouse.reseller_id', %s, true)", [value, value]
                )
                count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))
                if context != "malformed":
                    assert live.execute(count).fetchone() == (0,), name
                    continue
                with pytest.raises(psycopg.errors.InvalidTextRepresentation), live.transaction():
                    live.execute(count)


def test_the_own_context_sees_own_rows_only(settings, world):
    with psycopg.connect(settings.database_url, autocommit=True) as live:
        tables = _tables(live)
        live.execute("SET ROLE posthouse_app")
        for place in world.tenants:
            with live.transaction():
                live.execute("SELECT set_config('posthouse.tenant_id', %s, true)", [str(place.id)])
                for name, scope in tables:
                    if scope == "tenant_id":
                        foreign = sql.SQL("SELECT count(*) FROM {} WHERE tenant_id <> {}").format(sql.Identifier(name), place.id)
                        assert live.execute(foreign).fetchone() == (0,), name
                assert live.execute("SELECT count(*) FROM tenant_profile").fetchone() == (1,)
                assert live.execute("SELECT count(*) FROM tenant_member").fetchone() == (1,)


def test_no_row_moves_to_another_tenant(settings, world):
    with psycopg.connect(settings.database_url, autocommit=True) as live:
        live.execute("SET ROLE posthouse_app")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"), live.transaction():
            live.execute("SELECT set_config('posthouse.tenant_id', %s, true)", [str(world.a1.id)])
            live.execute("UPDATE tenant_member SET tenant_id = %s", [world.b1.id])
