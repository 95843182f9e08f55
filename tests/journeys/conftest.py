"""A browser for the journeys, and the web application on a port with the usual small world."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import pytest
from browser import ARGUMENTS, chromium, watched
from databases import fresh
from flask import Flask
from playwright.sync_api import expect, sync_playwright
from product import free_port
from werkzeug.serving import make_server
from world import World, peopled

from posthouse.platform.app import create_core
from posthouse.webui.app import create_app


@dataclass(frozen=True)
class Served:
    """The web application on a port. `core` is the command process beside it, whose context is open."""

    url: str
    core: Flask
    web: Flask
    world: World


@pytest.fixture
def served(tmp_path):
    """The web application on a port, with the usual small world."""
    template, world = peopled()
    port = free_port()
    with fresh(tmp_path, template=template) as settings:
        yield from _serve(replace(settings, public_url=f"http://127.0.0.1:{port}"), port, world)


def _serve(own, port, world):
    core, web = create_core(own, process="command"), create_app(own)
    with core.app_context():
        server = make_server("127.0.0.1", port, web, threaded=True)
        running = threading.Thread(target=server.serve_forever, daemon=True)
        running.start()
        yield Served(own.public_url, core, web, world)
        server.shutdown()
        running.join()
        server.server_close()
    for app in (core, web):
        with app.app_context():
            for engine in app.extensions["sqlalchemy"].engines.values():
                engine.dispose()


@pytest.fixture(scope="module")
def chrome():
    expect.set_options(timeout=15_000)  # a busy machine takes its time
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield running
        running.close()


@pytest.fixture
def page(chrome, request):
    """A page that gathers its complaints: (scheme, width, height) by indirect parameter, else a wide screen in the light."""
    scheme, width, height = getattr(request, "param", ("light", 1440, 900))
    context = chrome.new_context(color_scheme=scheme, viewport={"width": width, "height": height}, accept_downloads=True)
    context.set_default_timeout(15_000)
    yield watched(context.new_page())
    context.close()
