"""What a route may send, to everybody and to one mailbox provider's recipients: set by the operator, with what is used of it now."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Invalid
from posthouse.sending.mailboxes import queries as mailboxes
from posthouse.sending.mailboxes.rules import OTHER
from posthouse.sending.pools import permissions
from posthouse.sending.rates import services
from posthouse.sending.rates.rules import MOST, WHOLE, Limits
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again
from posthouse.webui.pages import ways

blueprint = Blueprint("limits", __name__)

LABELS = {
    "per_second": "Messages per second",
    "per_minute": "Messages per minute",
    "per_hour": "Messages per hour",
    "per_day": "Messages per day",
    "connections": "Connections",
    "messages_per_connection": "Messages a connection",
    "most_bytes": "The largest message in bytes",
}


def typed_limits(prefix: str) -> Limits:
    """Return what a form says of limits; the fields' names begin with `prefix`. Raises: Invalid, naming the field."""
    return Limits(**{name: forms.number(f"{prefix}{name}", least=1, most=MOST, label=label) for name, label in LABELS.items()})


@blueprint.post("/operator/routes/<pid('rte'):route_id>/limits")
@needs(permissions.MANAGE)
def save(route_id: int) -> Response:
    """Set a route's limits: the whole route's, or those for one mailbox provider."""
    scope = visit.scope()
    group = forms.text("group")
    prefix = "all_" if group == WHOLE else "group_"
    try:
        with transaction(scope):
            if group != WHOLE and (group not in mailboxes.names(scope) or group == OTHER):
                raise Invalid("choice_unknown", "Choose a mailbox provider from the list.", field="group")
            services.set_limits(scope, route_id=route_id, group=group, limits=typed_limits(prefix))
    except AppError as refusal:
        if refusal.kind == "missing":
            raise
        values: dict[str, Any] = ways.values_of(route_id)
        return form_again("operator/route.html", refusal, typed=values.pop("known"), steps=None, **values)
    flash("The limits hold within seconds.", "success")
    return redirect(url_for("ways.show", route_id=route_id) + "#limits", 303)
