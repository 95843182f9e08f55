"""Refuses requests that another site made a browser send: the token of the form, and what the browser says of its origin."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, request
from flask_wtf.csrf import CSRFProtect

from posthouse.platform.errors import Forbidden

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_protector = CSRFProtect()


def install(app: Flask) -> None:
    """Prepare the form tokens; they last as long as the session and are checked by `check`."""
    app.config.update(WTF_CSRF_CHECK_DEFAULT=False, WTF_CSRF_TIME_LIMIT=None, WTF_CSRF_SSL_STRICT=False)
    _protector.init_app(app)


def check() -> None:
    """Refuse an unsafe request without the form's token or from elsewhere. Raises: Forbidden, CSRFError."""
    if request.method in SAFE:
        return
    if not same_origin(request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site"), request.host):
        raise Forbidden("cross_site", "This request came from another site. Nothing was changed. Open the page here and try again.")
    _protector.protect()


def same_origin(origin: str | None, fetch_site: str | None, host: str) -> bool:
    """Say whether what the browser tells speaks against a request of our own pages. Silence does not: the token decides then."""
    if fetch_site is not None and fetch_site not in {"same-origin", "none"}:
        return False
    if origin is None:
        return True
    return urlsplit(origin).netloc == host
