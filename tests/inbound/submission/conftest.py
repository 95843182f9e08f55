"""What the tests of submission share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from posthouse.platform.app import create_core
from posthouse.platform.settings import Settings


@pytest.fixture
def office(settings: Settings, app: Flask) -> Iterator[Flask]:
    """The web process, where keys are made."""
    del app
    made = create_core(settings, process="web")
    yield made
    with made.app_context():
        for engine in made.extensions["sqlalchemy"].engines.values():
            engine.dispose()
