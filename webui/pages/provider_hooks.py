"""Which mail providers may report to this installation, and at which address."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.inbound.permissions import MANAGE_PROVIDERS
from posthouse.inbound.providers import queries, services
from posthouse.inbound.providers.catalogue import PROVIDERS
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page

blueprint = Blueprint("provider_hooks", __name__)


@blueprint.get("/operator/providers")
@needs(MANAGE_PROVIDERS)
def index() -> Response:
    """List the hooks, with the form for another one."""
    return page("operator/providers.html", refusal=None, **_values())


def _values() -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        found = queries.list_hooks(scope)
    return {
        "hooks": found,
        "providers": sorted(PROVIDERS.values(), key=lambda one: one.title.lower()),
        "base": request.url_root.rstrip("/"),
        "typed": request.form,
    }


@blueprint.post("/operator/providers")
@needs(MANAGE_PROVIDERS)
def create() -> Response:
    """Let a provider report."""
    scope = visit.scope()
    try:
        with transaction(scope):
            services.create_hook(scope, provider=forms.text("provider"), secret=forms.text("secret"), label=forms.text("label"))
    except AppError as refusal:
        return form_again("operator/providers.html", refusal, **_values())
    flash("Ready. Give the provider the address in the list.", "success")
    return redirect(url_for("provider_hooks.index"), 303)


@blueprint.post("/operator/providers/<pid('phk'):hook_id>/delete")
@needs(MANAGE_PROVIDERS)
def delete(hook_id: int) -> Response:
    """Take a hook away."""
    scope = visit.scope()
    with transaction(scope):
        services.delete_hook(scope, hook_id=hook_id)
    flash("The address takes no more reports.", "success")
    return redirect(url_for("provider_hooks.index"), 303)
