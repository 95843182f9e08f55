"""Every kind of page, full and empty, as axe-core sees it: readable in light and in dark, named for screen readers, fit for a phone."""

from __future__ import annotations

import re

import places
import pytest
from axe_playwright_python import base as axe
from browser import sign_in, watched
from furnished import furnish

from posthouse.platform.ids import encode

GRAVE = {"serious", "critical"}
_LOOK = "(rules) => axe.run(document, {resultTypes: ['violations'], preload: false, iframes: false, ...rules})"
_DARK = "document.documentElement.setAttribute('data-bs-theme', '{}')"
_DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"  # who listens to the size has heard
WHO = {
    "visitor": (None, places.VISITOR),
    "tenant": ("a1", places.TENANT),
    "beginner": ("a2", places.EMPTY),
    "reseller": ("a", places.RESELLER),
    "operator": ("operator", places.OPERATOR),
}


def _violations(page, rules=None):
    """Return what is wrong, gravely, each with the beginnings of the elements."""
    found = page.evaluate(_LOOK, {"runOnly": rules} if rules else {})["violations"]
    return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found if one["impact"] in GRAVE]


def _examine(page, name: str) -> list[object]:
    """Look at a page in the light on a wide screen, then in the dark on a phone."""
    page.evaluate(axe.AXE_SCRIPT)
    wrong: list[object] = [(name, *one) for one in _violations(page)]
    page.evaluate(_DARK.format("dark"))
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate(_DRAWN)
    if not name.startswith("beginner"):  # an empty page has the colours of a full one
        wrong += [(name, "in the dark", *one) for one in _violations(page, ["color-contrast", "scrollable-region-focusable"])]
    if page.locator("h1").count() != 1:
        wrong.append((name, "not one heading of the first rank"))
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        wrong.append((name, "wider than a phone"))
    page.set_viewport_size({"width": 1440, "height": 900})
    return wrong


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_no_kind_of_page_shuts_anybody_out(served, chrome):
    """No violation that axe-core calls serious or critical, nothing wider than a phone, no complaint in the console."""
    found = furnish(served.core, served.web, served.world)
    wrong: list[object] = []
    for who, (place, paths) in WHO.items():
        context = chrome.new_context(reduced_motion="reduce", color_scheme="light", viewport={"width": 1440, "height": 900})
        page = watched(context.new_page())
        if place:
            sign_in(page, served.url, "operator@example.com" if place == "operator" else getattr(served.world, place).email)
        for path in paths:
            answer = page.goto(served.url + path.format(**found.ids))
            if page.request.get(served.url + path.format(**found.ids), headers={"HX-Request": "true"}).status >= 500:
                wrong.append((who, path, "its part fails"))
            expected = 404 if path in places.NOWHERE else 200
            if answer.status != expected:
                wrong.append((who, path, answer.status))
            if answer.ok and page.complaints:
                wrong.append((who, path, page.complaints))
            page.complaints.clear()
            wrong += _examine(page, who + path)
        context.close()
    assert wrong == []


def test_every_page_is_on_the_list_of_what_is_looked_at(served):
    """Whoever adds a page adds its address, and something to show on it."""
    plain = re.compile(r"<[^>]+>|\{[^}]+\}")
    listed = {plain.sub("*", path) for path in (*places.VISITOR, *places.TENANT, *places.RESELLER, *places.OPERATOR)}
    pages = {plain.sub("*", rule.rule) for rule in served.web.url_map.iter_rules() if "GET" in rule.methods}
    assert sorted(path for path in pages - listed if not path.startswith(places.NO_PAGES)) == []


@pytest.mark.browser
@pytest.mark.timeout(120)
def test_who_is_inside_another_account_sees_so_on_every_page_and_finds_the_way_out(served, chrome):
    """The banner is read and used like everything else, on a wide screen and on a phone."""
    context = chrome.new_context(reduced_motion="reduce", color_scheme="light", viewport={"width": 1440, "height": 900})
    page = watched(context.new_page())
    sign_in(page, served.url, served.world.a.email)
    page.goto(f"{served.url}/reseller/tenants/{encode('tnt', served.world.a1.id)}")
    page.get_by_label("Why you go in").fill("Ticket 4711: import fails")
    page.get_by_role("button", name="Open", exact=True).click()
    banner = page.get_by_role("region", name="You are inside another account")
    banner.wait_for()
    wrong: list[object] = []
    for path in ("/", "/contacts", "/account", "/places"):
        page.goto(served.url + path)
        assert "Ticket 4711" in banner.inner_text()
        wrong += _examine(page, f"inside {path}")
    assert wrong == []
    banner.get_by_role("button", name="Leave").click()
    page.wait_for_selector("h1:has-text('Reseller A')")
    assert banner.count() == 0
    context.close()
