"""What every test may use: a fresh migrated database, Redis, an app on both, and a small world of resellers and tenants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from services import services
from world import World, make_world

from posthouse.platform.app import create_core
from posthouse.platform.migrate import migrate
from posthouse.platform.secrets import new_key, parse_keys
from posthouse.platform.settings import Settings

SECRET_KEYS = new_key()


def _migrate(url: str) -> None:
    migrate(url, parse_keys(SECRET_KEYS))


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Settings on a database of the test's own, cloned from the migrated template, and an emptied Redis."""
    running = services()
    url = running.database(template=running.template(_migrate))
    yield replace(Settings(), data=tmp_path, database_url=url, redis_url=running.empty_redis(), secret_keys=SECRET_KEYS)
    running.drop(url)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The core app as a command runs it: every reach has its database role."""
    made = create_core(settings, process="command")
    with made.app_context():
        yield made
        _close(made)


def _close(made: Flask) -> None:
    for engine in made.extensions["sqlalchemy"].engines.values():
        engine.dispose()


@pytest.fixture
def world(app: Flask) -> World:
    """An operator, resellers a and b, and their tenants a1, a2, b1, b2, each with an owner."""
    return make_world()
