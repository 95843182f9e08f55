"""A mailroom on a real database."""

from __future__ import annotations

import pytest
from desk import Desk
from flask import Flask
from world import World


@pytest.fixture
def desk(app: Flask, world: World) -> Desk:
    """A mailroom with nothing in it."""
    del app
    return Desk(world)
