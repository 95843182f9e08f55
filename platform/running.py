"""What the running app carries, for modules that the app itself is assembled from and that so cannot import it."""

from __future__ import annotations

from typing import Any

from flask import current_app


def carried(name: str) -> Any:
    """Return what `create_core` put into the running app under a name: bell, house, keyring or settings."""
    return current_app.extensions[f"posthouse_{name}"]
