"""Mailbox providers: which domains share one's patience with a sender; seen and changed by the operator."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.sending.mailboxes import queries, services
from posthouse.sending.mailboxes.rules import Group
from posthouse.sending.pools import permissions
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page

blueprint = Blueprint("mailboxes", __name__)


@blueprint.get("/operator/mailboxes")
@needs(permissions.MANAGE)
def index() -> Response:
    """Show all mailbox providers, one of them open to be changed."""
    values = _values()
    chosen = next((card.group for card in values["cards"] if card.group.key == request.args.get("key")), None)
    return page("operator/mailboxes.html", refusal=None, typed=_typed_of(chosen), chosen=chosen, **values)


def _values() -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        return {"cards": queries.list_groups(scope)}


def _typed_of(group: Group | None) -> dict[str, str]:
    if group is None:
        return {"key": "", "name": "", "domains": "", "mx": ""}
    return {"key": group.key, "name": group.name, "domains": "\n".join(group.domains), "mx": "\n".join(group.mx)}


@blueprint.post("/operator/mailboxes")
@needs(permissions.MANAGE)
def save() -> Response:
    """Add a mailbox provider or change one."""
    scope = visit.scope()
    try:
        with transaction(scope):
            services.set_group(
                scope,
                Group(
                    forms.text("key"),
                    forms.text("name"),
                    tuple(forms.text("domains").splitlines()),
                    tuple(forms.text("mx").splitlines()),
                ),
            )
    except AppError as refusal:
        typed = {name: forms.text(name) for name in ("key", "name", "domains", "mx")}
        return form_again("operator/mailboxes.html", refusal, typed=typed, chosen=None, **_values())
    flash("Saved; it holds within seconds.", "success")
    return redirect(url_for("mailboxes.index"), 303)


@blueprint.post("/operator/mailboxes/reset")
@needs(permissions.MANAGE)
def reset() -> Response:
    """Take a change back."""
    scope = visit.scope()
    with transaction(scope):
        services.reset_group(scope, key=forms.text("key"))
    flash("Taken back; it holds within seconds.", "success")
    return redirect(url_for("mailboxes.index"), 303)
