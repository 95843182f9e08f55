"""A Chromium for the browser tests: the one that `./dev test` found or set up. Never skipped: without one the tests fail."""

from __future__ import annotations

import shutil
from pathlib import Path

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
