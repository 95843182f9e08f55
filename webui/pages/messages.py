"""One message: what happened to it, step by step."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.sending import permissions
from posthouse.sending.delivery.why import explain
from posthouse.sending.messages import queries
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import page

blueprint = Blueprint("messages", __name__)
SHOWN = 50


@blueprint.get("/messages")
@needs(permissions.READ_MESSAGES)
def index() -> Response:
    """List messages, newest first."""
    scope = visit.scope()
    with transaction(scope):
        found = queries.list_messages(scope, before=forms.cursor(), limit=SHOWN)
    return page("messages/index.html", messages=found, before=found[-1].id if len(found) == SHOWN else None)


@blueprint.get("/messages/<pid('msg'):message_id>")
@needs(permissions.READ_MESSAGES)
def show(message_id: int) -> Response:
    """Show one message and its history."""
    scope = visit.scope()
    with transaction(scope):
        message = queries.get_message(scope, message_id)
        values: dict[str, Any] = {"message": message, "history": queries.history(scope, message_id), "why": explain(scope, message)}
    return page("messages/show.html", **values)
