"""The web application as people meet it: real routes over a migrated database, with a browser that keeps its cookies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from world import PASSWORD, World, peopled

from posthouse.platform.app import create_core
from posthouse.platform.settings import Settings
from posthouse.webui.app import create_app


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    """The usual small world, with a command process beside the web process."""
    made = create_core(settings, process="command")
    with made.app_context():
        yield peopled()[1]
        for engine in made.extensions["sqlalchemy"].engines.values():
            engine.dispose()


@pytest.fixture
def web(settings: Settings, world: World) -> Iterator[Flask]:
    made = create_app(replace(settings, public_url="http://localhost"))
    yield made
    with made.app_context():
        for engine in made.extensions["sqlalchemy"].engines.values():
            engine.dispose()


class Browser:
    """A person's browser: follows redirects, sends the form token that the page holds."""

    def __init__(self, web: Flask) -> None:
        self.client: FlaskClient = web.test_client()

    def get(self, path: str, **more):
        return self.client.get(path, follow_redirects=True, **more)

    def post(self, path: str, *, page: str | None = None, **data):
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(page or path).text)
        token = found[1] if found else ""
        headers = {"Origin": "http://localhost"}
        return self.client.post(path, data={"csrf_token": token, **data}, headers=headers, follow_redirects=True)

    def sign_in(self, email: str, password: str = PASSWORD):
        return self.post("/sign-in", email=email, password=password)


@pytest.fixture
def browser(web: Flask) -> Browser:
    return Browser(web)
