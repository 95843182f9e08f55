"""One message: what happened to it, step by step."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.sending import permissions
from posthouse.sending.delivery.why import explain
from posthouse.sending.messages import queries
from posthouse.sending.messages.labels import get_labels, known_tags, labels_on
from posthouse.sending.mime.wishes import MOST_TAG_CHARACTERS
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import page, page_or_part

blueprint = Blueprint("messages", __name__)
SHOWN = 50


@blueprint.get("/messages")
@needs(permissions.READ_MESSAGES)
def index() -> Response:
    """List messages, newest first; those of one tag where one is chosen."""
    scope = visit.scope()
    tag = request.args.get("tag", "").strip()[:MOST_TAG_CHARACTERS] or None
    with transaction(scope):
        found = queries.list_messages(scope, tag=tag, before=forms.cursor(), limit=SHOWN + 1)
        shown = found[:SHOWN]
        labels = labels_on(scope, [card.id for card in shown])
        values: dict[str, Any] = {"messages": shown, "labels": labels, "tag": tag, "tags": known_tags(scope)}
    return page("messages/index.html", before=shown[-1].id if len(found) > SHOWN else None, **values)


@blueprint.get("/messages/<pid('msg'):message_id>")
@needs(permissions.READ_MESSAGES)
def show(message_id: int) -> Response:
    """Show one message and its history."""
    scope = visit.scope()
    with transaction(scope):
        message = queries.get_message(scope, message_id)
        labels = get_labels(scope, message_id)
        values: dict[str, Any] = {
            "message": message,
            "history": queries.history(scope, message_id),
            "why": explain(scope, message),
            "labels": labels,
        }
    return page_or_part("messages/show.html", "live", **values)
