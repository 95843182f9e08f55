"""Webhooks: where a tenant's news goes, what was delivered, and sending it again."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page
from posthouse.webui.webhooks import queries, services
from posthouse.webui.webhooks.kinds import KINDS
from posthouse.webui.webhooks.permissions import MANAGE_WEBHOOKS, READ_WEBHOOKS

blueprint = Blueprint("webhooks", __name__)
SHOWN = 50


@blueprint.get("/webhooks")
@needs(READ_WEBHOOKS)
def index() -> Response:
    """List the webhooks."""
    return page("webhooks/index.html", refusal=None, **_values())


def _values() -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        return {"endpoints": queries.list_endpoints(scope), "kinds": list(KINDS.values()), "ticked": request.form.getlist("kinds")}


@blueprint.post("/webhooks")
@needs(MANAGE_WEBHOOKS)
def create() -> Response:
    """Make a webhook and show its secret this once."""
    scope = visit.scope()
    try:
        with transaction(scope):
            endpoint_id, secret = services.create_endpoint(
                scope, url=forms.text("url"), kinds=request.form.getlist("kinds"), label=forms.text("label")
            )
    except AppError as refusal:
        return form_again("webhooks/index.html", refusal, **_values())
    return page("webhooks/show.html", 201, refusal=None, secret=secret, **_endpoint(endpoint_id))


@blueprint.get("/webhooks/<pid('whk'):endpoint_id>")
@needs(READ_WEBHOOKS)
def show(endpoint_id: int) -> Response:
    """Show one webhook with its deliveries."""
    return page("webhooks/show.html", refusal=None, secret=None, **_endpoint(endpoint_id))


def _endpoint(endpoint_id: int) -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        endpoint = queries.get_endpoint(scope, endpoint_id)
        found = queries.list_deliveries(scope, endpoint_id, before=forms.cursor(), limit=SHOWN + 1)
    more = ids.encode("whk", endpoint_id) if len(found) > SHOWN else ""
    return {
        "endpoint": endpoint,
        "deliveries": found[:SHOWN],
        "older": f"/webhooks/{more}?before={found[SHOWN - 1].id}" if more else "",
        "kinds": list(KINDS.values()),
        "ticked": request.form.getlist("kinds") or list(endpoint.kinds),
    }


@blueprint.post("/webhooks/<pid('whk'):endpoint_id>")
@needs(MANAGE_WEBHOOKS)
def save(endpoint_id: int) -> Response:
    """Change a webhook."""
    scope = visit.scope()
    try:
        with transaction(scope):
            services.edit_endpoint(
                scope, endpoint_id, url=forms.text("url"), kinds=request.form.getlist("kinds"), label=forms.text("label")
            )
    except AppError as refusal:
        if refusal.kind == "missing":
            raise
        return form_again("webhooks/show.html", refusal, secret=None, **_endpoint(endpoint_id))
    return _back(endpoint_id, "Saved.")


@blueprint.post("/webhooks/<pid('whk'):endpoint_id>/test")
@needs(MANAGE_WEBHOOKS)
def test(endpoint_id: int) -> Response:
    """Send a test."""
    scope = visit.scope()
    with transaction(scope):
        services.send_test(scope, endpoint_id)
    return _back(endpoint_id, "A test is on its way. Reload in a moment to see what came of it.")


@blueprint.post("/webhooks/<pid('whk'):endpoint_id>/state")
@needs(MANAGE_WEBHOOKS)
def set_state(endpoint_id: int) -> Response:
    """Stop a webhook, or let it go on."""
    scope, enabled = visit.scope(), forms.text("enabled") == "yes"
    with transaction(scope):
        services.set_enabled(scope, endpoint_id, enabled=enabled)
    return _back(endpoint_id, "It goes on from now." if enabled else "It is stopped. What happens meanwhile is not told later.")


@blueprint.post("/webhooks/<pid('whk'):endpoint_id>/secret")
@needs(MANAGE_WEBHOOKS)
def rotate(endpoint_id: int) -> Response:
    """Make a new secret and show it this once."""
    scope = visit.scope()
    with transaction(scope):
        secret = services.rotate_secret(scope, endpoint_id)
    return page("webhooks/show.html", 201, refusal=None, secret=secret, **_endpoint(endpoint_id))


@blueprint.post("/webhooks/<pid('whk'):endpoint_id>/delete")
@needs(MANAGE_WEBHOOKS)
def delete(endpoint_id: int) -> Response:
    """Delete a webhook with its log."""
    scope = visit.scope()
    with transaction(scope):
        services.delete_endpoint(scope, endpoint_id)
    flash("The webhook is deleted.", "success")
    return redirect("/webhooks", 303)


@blueprint.post("/webhooks/<pid('whk'):endpoint_id>/replay")
@needs(MANAGE_WEBHOOKS)
def replay_failed(endpoint_id: int) -> Response:
    """Send all that failed again."""
    scope = visit.scope()
    with transaction(scope):
        count = services.replay_failed(scope, endpoint_id)
    return _back(endpoint_id, f"{count} on their way again." if count else "Nothing has failed.")


@blueprint.get("/webhooks/<pid('whk'):endpoint_id>/deliveries/<pid('whd'):delivery_id>")
@needs(READ_WEBHOOKS)
def delivery(endpoint_id: int, delivery_id: int) -> Response:
    """Show one delivery with its tries."""
    scope = visit.scope()
    with transaction(scope):
        endpoint = queries.get_endpoint(scope, endpoint_id)
        card = queries.get_delivery(scope, endpoint_id, delivery_id)
        tries = queries.list_attempts(scope, delivery_id)
    return page("webhooks/delivery.html", endpoint=endpoint, delivery=card, tries=tries)


@blueprint.post("/webhooks/<pid('whk'):endpoint_id>/deliveries/<pid('whd'):delivery_id>/replay")
@needs(MANAGE_WEBHOOKS)
def replay(endpoint_id: int, delivery_id: int) -> Response:
    """Send one delivery again."""
    scope = visit.scope()
    with transaction(scope):
        services.replay(scope, endpoint_id, delivery_id)
    flash("It is on its way again.", "success")
    return redirect(url_for("webhooks.delivery", endpoint_id=endpoint_id, delivery_id=delivery_id), 303)


def _back(endpoint_id: int, sentence: str) -> Response:
    flash(sentence, "success")
    return redirect(url_for("webhooks.show", endpoint_id=endpoint_id), 303)
