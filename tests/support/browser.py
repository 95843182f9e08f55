"""A Chromium for the browser tests: the one that `./dev test` found or set up. Never skipped: without one the tests fail."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import Page
from world import PASSWORD

UNPACKED = Path(__file__).parent / "chromium" / "node_modules" / ".unpacked" / "chromium"
# Root needs --no-sandbox; the rest keeps Chromium from calling home at its start.
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def chromium() -> str:
    """Return the path of the browser's program, for Playwright's `executable_path`. Raises: LookupError."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    if UNPACKED.exists():
        return str(UNPACKED)
    raise LookupError("there is no Chromium: run `./dev test`, which sets one up, or install the system's package `chromium`")


def watched(page: Page) -> Page:
    """Have a page note what its console complains of and every dialog that opens, in `page.complaints`."""
    page.complaints = []
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda problem: page.complaints.append(str(problem)))
    page.on("dialog", lambda dialog: (page.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    return page


def sign_in(page: Page, url: str, email: str, password: str = PASSWORD) -> None:
    """Sign in as a person does."""
    page.goto(url + "/sign-in")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(url + "/")
