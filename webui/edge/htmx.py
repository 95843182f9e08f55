"""The one place that knows of htmx: reads its headers, and sets those that steer it.

htmx-flask 0.1.0 refuses several swap styles, never sets Vary and knows no HX-Reselect, so answers are made here.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Flask, Response, make_response, redirect, request
from htmx_flask import Htmx
from werkzeug.wrappers import Response as AnyResponse


def install(app: Flask) -> None:
    """Teach the app's requests about htmx."""
    Htmx(app)
    app.after_request(_vary)


def is_partial() -> bool:
    """Say whether htmx asks for a part of a page, rather than for a page to show or restore."""
    htmx = request.htmx  # type: ignore[attr-defined]  # set by htmx_flask's request class
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def part(html: str, status: int = 200) -> Response:
    """Answer with a part of a page, marked so that a refused form is shown as well."""
    response = make_response(html, status)
    response.headers["X-Fragment"] = "1"
    return response


def toast(response: AnyResponse, text: str, kind: str = "success") -> AnyResponse:
    """Have a short message shown with the answer. Kinds: success, info, warning, danger."""
    # Header values are Latin-1; JSON's own escapes keep every script intact.
    response.headers["HX-Trigger"] = json.dumps({"toast": {"kind": kind, "text": text}})
    return response


def go(url: str) -> AnyResponse:
    """Send the browser to another page, in whatever way it asked."""
    if not is_partial():
        return redirect(url, 303)
    response = make_response("", 204)
    response.headers["HX-Redirect"] = url
    return response


def _vary(response: Response) -> Response:
    response.vary.add("HX-Request")
    return response


def trigger_name() -> Any:
    """Return the name of the element that asked, None where it has none."""
    return request.htmx.trigger_name  # type: ignore[attr-defined]
