"""Help inside the product: how things are done, and what the words mean."""

from __future__ import annotations

from flask import Blueprint
from werkzeug.wrappers import Response

from posthouse.webui.edge.access import Door, needs
from posthouse.webui.edge.rendering import page

blueprint = Blueprint("help", __name__)


@blueprint.get("/help")
@needs(Door.PERSON)
def index() -> Response:
    """Show the help page."""
    return page("help.html")
