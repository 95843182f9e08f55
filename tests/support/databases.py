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


def migrated() -> str:
    """Return the name of the template that is migrated and holds nobody."""
    return services().template("template_migrated", _migrate)


def settings_of(url: str, folder: Path) -> Settings:
    """Give settings that lead to this database and an emptied Redis."""
    return replace(Settings(), data=folder, database_url=url, redis_url=services().empty_redis(), secret_keys=SECRET_KEYS)


@contextmanager
def fresh(folder: Path, *, template: str | None = None) -> Iterator[Settings]:
    """Clone a database, of the migrated template when none is named, and empty Redis; the database is dropped afterwards."""
    running = services()
    url = running.database(template=template or migrated())
    yield settings_of(url, folder)
    running.drop(url)
