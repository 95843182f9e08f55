"""A person at a browser: signs in and walks through every section, on a wide screen in the light and on a phone in the dark."""

from __future__ import annotations

import re

import pytest
from browser import sign_in
from playwright.sync_api import expect

PLACES = {"tenant": "a1", "reseller": "a", "operator": None}
SIGHTS = [("light", 1440, 900), ("dark", 390, 844)]


@pytest.mark.browser
@pytest.mark.parametrize("page", SIGHTS, indirect=True, ids=[sight[0] for sight in SIGHTS])
@pytest.mark.parametrize("place", PLACES)
def test_every_section_opens_fits_and_does_not_complain(page, address, place, tmp_path):
    """No error in the console (the policy for scripts and styles included), no sideways scrolling, one heading of the first rank."""
    url, world = address
    sign_in(page, url, getattr(world, PLACES[place]).email if PLACES[place] else "operator@example.com")
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
    sign_in(page, url, world.a1.email)
    page.goto(url + "/lists/new")
    page.locator("input[name=name]").fill("Friends of the house")
    page.locator("#content button[type=submit]").first.click()
    page.goto(url + "/lists")
    expect(page.get_by_text("Friends of the house").first).to_be_visible()
    assert page.complaints == []
