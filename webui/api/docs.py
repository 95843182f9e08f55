"""The interface's description, as OpenAPI and as a page for people, both in the reseller's brand."""

from __future__ import annotations

from flask import current_app, jsonify
from werkzeug.wrappers import Response

from posthouse.webui.api.edge import blueprint
from posthouse.webui.api.spec import document
from posthouse.webui.edge import visit
from posthouse.webui.edge.access import Door, needs
from posthouse.webui.edge.rendering import page


@blueprint.get("/openapi.json")
@needs(Door.VISITOR)
def openapi() -> Response:
    """Send the OpenAPI 3.1 document."""
    return jsonify(_document())


def _document() -> dict[str, object]:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    return document(app, title=visit.current().brand.product_name, address=visit.address())


@blueprint.get("/docs")
@needs(Door.VISITOR)
def docs() -> Response:
    """Show the reference."""
    return page("api_docs.html", doc=_document())
