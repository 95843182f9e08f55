"""A person at a browser: signs in and walks through every section, on a wide screen in the light and on a phone in the dark."""

from __future__ import annotations

import re
import threading
from dataclasses import replace

import pytest
from browser import ARGUMENTS, chromium
from playwright.sync_api import expect, sync_playwright
from product import free_port
from werkzeug.serving import make_server
from world import PASSWORD, make_world

from posthouse.platform.app import create_core
from posthouse.webui.app import create_app

PLACES = {"tenant": "a1", "reseller": "a", "operator": None}
SIGHTS = [("light", 1440, 900), ("dark", 390, 844)]


@pytest.fixture
def address(settings):
    """The web application on a port, with the usual small world."""
    port = free_port()
    served = replace(settings, public_url=f"http://127.0.0.1:{port}")
    core, web = create_core(served, process="command"), create_app(served)
    with core.app_context():
        world = make_world()
    server = make_server("127.0.0.1", port, web, threaded=True)
    running = threading.Thread(target=server.serve_forever, daemon=True)
    running.start()
    yield served.public_url, world
    server.shutdown()
    running.join()
    server.server_close()
    for app in (core, web):
        with app.app_context():
            for engine in app.extensions["sqlalchemy"].engines.values():
                engine.dispose()


@pytest.fixture(scope="module")
def chrome():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield running
        running.close()


@pytest.fixture
def page(chrome, request):
    scheme, width, height = request.param
    context = chrome.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
    opened = context.new_page()
    opened.complaints = []
    opened.on("console", lambda said: opened.complaints.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda problem: opened.complaints.append(str(problem)))
    yield opened
    context.close()


def _sign_in(page, url, email):
    page.goto(url + "/sign-in")
    page.locator("input[name=email]").fill(email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(url + "/")


@pytest.mark.browser
@pytest.mark.parametrize("page", SIGHTS, indirect=True, ids=[sight[0] for sight in SIGHTS])
@pytest.mark.parametrize("place", PLACES)
def test_every_section_opens_fits_and_does_not_complain(page, address, place, tmp_path):
    """No error in the console (the policy for scripts and styles included), no sideways scrolling, one heading of the first rank."""
    url, world = address
    _sign_in(page, url, getattr(world, PLACES[place]).email if PLACES[place] else "operator@example.com")
    links = {link.get_attribute("href") for link in page.locator("nav a.entry").all()}
    assert len(links) >= 5
    for path in sorted(links):
        page.goto(url + path)
        expect(page.locator("h1")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        page.screenshot(path=tmp_path / f"{place}-{re.sub('[^a-z]+', '-', path)}.png", full_page=True)
    assert page.complaints == []


@pytest.mark.browser
@pytest.mark.parametrize("page", SIGHTS[:1], indirect=True, ids=["light"])
def test_a_tenant_makes_a_list_and_finds_it(page, address):
    url, world = address
    _sign_in(page, url, world.a1.email)
    page.goto(url + "/lists/new")
    page.locator("input[name=name]").fill("Friends of the house")
    page.locator("#content button[type=submit]").first.click()
    page.goto(url + "/lists")
    expect(page.get_by_text("Friends of the house").first).to_be_visible()
    assert page.complaints == []
