"""What each revision makes it also takes away, as the role that made it, and makes again."""

from __future__ import annotations

import psycopg
import sqlalchemy as sa
from alembic import command
from sqlalchemy.engine import make_url

from posthouse.platform import revisions
from posthouse.platform.migrate import migrate
from posthouse.platform.secrets import parse_keys

_THINGS = {
    "table": "SELECT relname, concat(pg_get_userbyid(relowner), relacl, reloptions) FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    "column": "SELECT attrelid::regclass || '.' || attname, concat(attstattarget, attacl, attnotnull, format_type(atttypid, atttypmod))"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace AND attnum > 0",
    "function": "SELECT oid::regprocedure::text, concat(pg_get_userbyid(proowner), proacl, pg_get_functiondef(oid)) FROM pg_proc"
    " WHERE pronamespace = 'public'::regnamespace",
    "policy": "SELECT tablename || '.' || policyname, concat(permissive, roles, cmd, qual, with_check) FROM pg_policies",
    "trigger": "SELECT tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "constraint": "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
}


def _things(url: str) -> set[tuple[str, str, str]]:
    with psycopg.connect(url) as live:
        return {(kind, *row) for kind, question in _THINGS.items() for row in live.execute(question)}


def _down(url: str) -> None:
    """Take back every revision as the owner, the way `migrate` makes them."""
    engine = sa.create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("SET ROLE posthouse_owner"))
        config = revisions._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    engine.dispose()


def test_every_revision_can_be_taken_back_and_made_again(settings):
    made = _things(settings.database_url)
    _down(settings.database_url)
    assert {name for _, name, _ in _things(settings.database_url) if not name.startswith("posthouse_revision")} == set()
    migrate(settings.database_url, parse_keys(settings.secret_keys))
    assert _things(settings.database_url) == made
    assert len(made) > 1_000
