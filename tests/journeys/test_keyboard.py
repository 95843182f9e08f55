"""Without a mouse and without sight: everything can be reached, is seen where it is, and says what happens."""

from __future__ import annotations

import re

import pytest
from browser import sign_in
from playwright.sync_api import Page, expect

from posthouse.platform.db import transaction
from posthouse.platform.ids import encode
from posthouse.tenants.lists import services as lists

FOCUS = "() => { const it = getComputedStyle(document.activeElement); return it.outlineStyle !== 'none' || it.boxShadow !== 'none' }"
INSIDE = "(where) => Boolean(document.activeElement.closest(where))"


def _go(page: Page, key: str, until: str, most: int = 40) -> None:
    """Press a key until the focus is in a place, and see to it that the focus shows wherever it is."""
    for _ in range(most):
        page.keyboard.press(key)
        assert page.evaluate(FOCUS), page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        if page.evaluate(INSIDE, until):
            return
    pytest.fail(f"{until} can't be reached")


@pytest.mark.browser
@pytest.mark.timeout(200)
def test_the_keyboard_goes_everywhere_and_danger_asks_first(served, page):
    scope = served.world.a1.scope
    with transaction(scope):
        path = "/lists/" + encode("lst", lists.create_list(scope, name="Keep me").id)
    sign_in(page, served.url, served.world.a1.email)
    page.goto(served.url + path)
    # The first stop leads past the menu.
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    _go(page, "Tab", "main a, main button")
    # Menus open and close, and the focus comes back.
    account = page.locator("summary", has_text="Owner of a1")
    account.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(account).to_be_focused()
    # A dialog takes the focus, Escape means no, and the focus comes back.
    delete = page.get_by_role("button", name="Delete")
    delete.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=re.compile("Delete the list"))
    expect(dialog).to_be_visible()
    assert page.evaluate(INSIDE, "dialog")
    assert page.evaluate("document.activeElement.value") == "no"
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(delete).to_be_focused()
    page.keyboard.press("Enter")
    _go(page, "Tab", "[data-confirm-yes]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text=re.compile("deleted|gone", re.IGNORECASE))).to_be_visible()
    assert page.complaints == []


@pytest.mark.browser
@pytest.mark.timeout(200)
@pytest.mark.parametrize("page", [("dark", 390, 844)], indirect=True)
def test_on_a_phone_the_menu_opens_and_what_is_wrong_is_told(served, page):
    sign_in(page, served.url, served.world.a1.email)
    menu = page.get_by_role("button", name="Menu")
    menu.focus()
    page.keyboard.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("link", name="Contacts", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_have_attribute("aria-expanded", "false")
    expect(menu).to_be_focused()
    # A refused form begins at the field that is wrong, which says why.
    page.goto(served.url + "/contacts/new")
    page.get_by_label("Email address").fill("two@at@signs.example")
    page.keyboard.press("Enter")
    wrong = page.get_by_label("Email address")
    expect(wrong).to_be_focused()
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_have_accessible_description(re.compile("two @"))
    expect(page.get_by_role("alert").first).to_be_visible()
