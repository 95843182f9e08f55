"""The revisions of the tables, through Alembic: the only file of the product that runs it. Only who migrates or asks loads it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

import posthouse.migrations


def upgrade(connection: Connection) -> None:
    """Bring a database to the newest revision, within the transaction that is open."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def head() -> str:
    """Return the newest revision that this code brings."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    if found is None:
        raise RuntimeError("the code brings no revision")
    return found


def knows(revision: str) -> bool:
    """Say whether this code brings a revision."""
    return any(one.revision == revision for one in ScriptDirectory.from_config(_config()).walk_revisions())


def current(connection: Connection) -> str | None:
    """Return the revision of a database, None before the first migration."""
    return MigrationContext.configure(connection, opts={"version_table": "posthouse_revision"}).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(next(iter(posthouse.migrations.__path__)))))
    config.set_main_option("path_separator", "os")
    return config
