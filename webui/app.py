"""Makes the web application: the core app with pages, interface, public links and hooks, behind one guard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask

from posthouse.platform.app import create_core
from posthouse.platform.settings import Settings
from posthouse.webui.api.strictness import StrictJson
from posthouse.webui.edge import bodies, errors, forgery, guard, headers, htmx, identity, rates, rendering
from posthouse.webui.edge.converters import PublicId
from posthouse.webui.public import tracking
from posthouse.webui.routes import blueprints, offer_menus

FORM_BYTES = 3_000_000  # a letter of 2 MB, the largest we compile, with its form around it
FORM_PARTS = 2_000


def create_app(settings: Settings, *, pool_size: int = 8) -> Flask:
    """Make the web application. Connects to nothing yet."""
    app = create_core(settings, process="web", pool_size=pool_size, import_name="posthouse.webui.app")
    app.template_folder = str(Path(__file__).resolve().parent / "templates")
    https = settings.public_url.startswith("https://")
    app.config.update(
        SECRET_KEY=_signing_keys(app)[0],
        SECRET_KEY_FALLBACKS=_signing_keys(app)[1:],
        SESSION_COOKIE_NAME="__Host-form" if https else "form",
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        MAX_CONTENT_LENGTH=FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=FORM_BYTES,
        MAX_FORM_PARTS=FORM_PARTS,
        PROPAGATE_EXCEPTIONS=False,
        TEMPLATES_AUTO_RELOAD=False,
    )
    app.json = StrictJson(app)
    app.url_map.converters["pid"] = PublicId
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    for edge in (htmx, forgery, identity, rates, rendering, errors):
        edge.install(app)
    guard.install(app, public_url=settings.public_url)
    headers.install(app, https=https)
    for blueprint in blueprints():
        app.register_blueprint(blueprint)
    offer_menus()
    bodies.install(app, threads=settings.web_threads)
    tracking.install(app)
    return app


def _signing_keys(app: Flask) -> list[bytes]:
    """Return the keys that sign form tokens: the newest master key's first, older ones still accepted."""
    keyring: Any = app.extensions["posthouse_keyring"]
    others = sorted((number for number in keyring.keys if number != keyring.current), reverse=True)
    return [keyring.derive(number, "web-forms") for number in (keyring.current, *others)]
