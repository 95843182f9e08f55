"""The brand in which a page is shown: its style sheet and logo as files, and the neutral brand where no reseller is known."""

from __future__ import annotations

import hashlib
import re

from flask import Blueprint, Response, abort, make_response

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.platform.scope import public
from posthouse.tenants.brand.services import BrandCard, find_logo
from posthouse.webui.edge.access import Door, needs
from posthouse.webui.edge.assets import FOR_EVER
from posthouse.webui.edge.colours import stylesheet

NEUTRAL_COLOUR = "#2457a6"

blueprint = Blueprint("brands", __name__)
_COLOUR = re.compile(r"[0-9a-f]{6}\Z")


def neutral(name: str) -> BrandCard:
    """Return the brand of pages that belong to no reseller: the operator's own, and sign-in at the installation's own address."""
    return BrandCard(name, NEUTRAL_COLOUR, None, "", "", 1)


def css_address(brand: BrandCard) -> str:
    """Return the address of a brand's style sheet; it changes with its content, so it may be kept for ever."""
    colour = brand.primary_colour.lstrip("#")
    mark = hashlib.sha256(stylesheet(brand.primary_colour).encode()).hexdigest()[:8]
    return f"/brand/{colour}-{mark}.css"


def logo_address(reseller_id: int | None, brand: BrandCard) -> str | None:
    """Return the address of a brand's logo, None where it has none."""
    if reseller_id is None or brand.logo_type is None:
        return None
    return f"/brand/logo/{ids.encode('rsl', reseller_id)}/{brand.version}"


@blueprint.get("/brand/<colour>-<mark>.css")
@needs(Door.PUBLIC)
def css(colour: str, mark: str) -> Response:
    """Write a brand's style sheet out of its colour alone: nothing else of a brand can become CSS."""
    if not _COLOUR.match(colour) or not re.fullmatch(r"[0-9a-f]{8}", mark):
        abort(404)
    return _for_ever(make_response(stylesheet(f"#{colour}")), "text/css")


@blueprint.get("/brand/logo/<pid('rsl'):reseller_id>/<int:version>")
@needs(Door.PUBLIC)
def logo(reseller_id: int, version: int) -> Response:
    """Send a reseller's logo; it is one of the picture formats without scripts, checked when it was stored."""
    scope = public("brand logo")
    with transaction(scope):
        found = find_logo(scope, reseller_id)
    if found is None:
        abort(404)
    return _for_ever(make_response(found[0]), found[1])


def _for_ever(response: Response, media_type: str) -> Response:
    response.mimetype = media_type
    response.headers["Cache-Control"] = f"public, max-age={FOR_EVER}, immutable"
    return response
