"""Styles, scripts and icons: names with hashes, kept for ever by browsers, sent as compressed at build time."""

from __future__ import annotations

import json
import mimetypes
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response, abort, request, send_file

from posthouse.webui.edge.access import Door, needs

FOLDER = Path(__file__).resolve().parent.parent / "static" / "dist"
FOR_EVER = 31_536_000

blueprint = Blueprint("assets", __name__)


@lru_cache(maxsize=1)
def manifest() -> dict[str, str]:
    """Return the built names by plain name; empty when the assets have not been built."""
    path = FOLDER / "manifest.json"
    if not path.exists():
        return {}
    read: dict[str, str] = json.loads(path.read_text())
    return read


def address(name: str) -> str:
    """Return the address of an asset such as `app.css`."""
    return f"/static/{manifest().get(name, name)}"


@blueprint.get("/static/<name>")
@needs(Door.PUBLIC)
def serve(name: str) -> Response:
    """Send one asset; nothing but what the build named."""
    if name not in manifest().values():
        abort(404)
    encoding, path = _best(FOLDER / name)
    response = send_file(path, mimetype=mimetypes.guess_type(name)[0] or "application/octet-stream", max_age=FOR_EVER, conditional=True)
    response.headers["Cache-Control"] = f"public, max-age={FOR_EVER}, immutable"
    response.vary.add("Accept-Encoding")
    if encoding:
        response.headers["Content-Encoding"] = encoding
    return response


def _best(path: Path) -> tuple[str, Path]:
    for encoding, ending in (("br", ".br"), ("gzip", ".gz")):
        packed = path.with_name(path.name + ending)
        if request.accept_encodings[encoding] and packed.exists():
            return encoding, packed
    return "", path
