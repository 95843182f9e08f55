"""A database of a test's own, cloned from the migrated template, with the settings that lead to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from services import services

from posthouse.platform.migrate import migrate
from posthouse.platform.secrets import new_key, parse_keys
from posthouse.platform.settings import Settings

# One for the test process: database roles, and so their passwords, belong to its whole server.
SECRET_KEYS = new_key()


def _migrate(url: str) -> None:
    migrate(url, parse_keys(SECRET_KEYS))


@contextmanager
def fresh(folder: Path) -> Iterator[Settings]:
    """Clone a database and empty Redis; the database is dropped afterwards."""
    running = services()
    url = running.database(template=running.template(_migrate))
    yield replace(Settings(), data=folder, database_url=url, redis_url=running.empty_redis(), secret_keys=SECRET_KEYS)
    running.drop(url)
