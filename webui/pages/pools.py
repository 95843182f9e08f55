"""Pools and routes: the operator edits them, resellers see what their tenants send through."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request
from werkzeug.wrappers import Response

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Invalid, Missing
from posthouse.sending.mailboxes import queries as mailboxes
from posthouse.sending.pools import live, permissions, queries, services
from posthouse.sending.rates import queries as rates
from posthouse.tenants.accounts import queries as accounts
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page_or_part

blueprint = Blueprint("pools", __name__)


@blueprint.get("/operator/pools")
@needs(permissions.MANAGE)
def index() -> Response:
    """Show all pools with their routes and how they do."""
    return page_or_part("operator/pools.html", "live", refusal=None, **_values())


def _values() -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        pools = queries.list_pools(scope)
        routes = [route.id for pool in pools for route in pool.routes]
        return {
            "pools": pools,
            "resellers": accounts.list_resellers(scope),
            "typed": request.form,
            "figures": live.figures_of(scope, routes),
            "connections": rates.connections_of(scope, routes),
            "holds": rates.holds_of(scope, routes),
            "group_names": mailboxes.names(scope),
        }


@blueprint.post("/operator/pools")
@needs(permissions.MANAGE)
def create() -> Response:
    """Make a pool."""
    return _change(
        lambda scope: services.create_pool(scope, name=forms.text("name"), kind=forms.text("kind")), "The pool is there. Now add a route."
    )


@blueprint.post("/operator/pools/<pid('pol'):pool_id>/grant")
@needs(permissions.MANAGE)
def grant(pool_id: int) -> Response:
    """Let a reseller's tenants use a pool."""

    def act(scope: Any) -> None:
        try:
            reseller_id = ids.decode("rsl", forms.text("reseller"))
        except Missing:
            raise Invalid("choice_unknown", "Choose a reseller from the list.", field="reseller") from None
        accounts.get_reseller(scope, reseller_id)
        services.grant_pool(scope, pool_id=pool_id, reseller_id=reseller_id, stream=forms.text("stream"), default=forms.flag("default"))

    return _change(act, "Granted.")


@blueprint.post("/operator/pools/<pid('pol'):pool_id>/revoke")
@needs(permissions.MANAGE)
def revoke(pool_id: int) -> Response:
    """Take a pool back from a reseller."""

    def act(scope: Any) -> None:
        reseller_id = forms.chosen_id("reseller", "rsl", label="a reseller")
        if reseller_id is not None:
            services.revoke_pool(scope, pool_id=pool_id, reseller_id=reseller_id, stream=forms.text("stream"))

    return _change(act, "Taken back. Mail of its tenants goes by another pool of theirs, or waits for one.")


@blueprint.post("/operator/pools/<pid('pol'):pool_id>")
@needs(permissions.MANAGE)
def edit(pool_id: int) -> Response:
    """Rename a pool, pause it or let it go on."""
    return _change(
        lambda scope: services.edit_pool(scope, pool_id=pool_id, name=forms.text("name"), state=forms.text("state")),
        "Changed; it holds within seconds.",
    )


@blueprint.post("/operator/pools/<pid('pol'):pool_id>/delete")
@needs(permissions.MANAGE)
def delete(pool_id: int) -> Response:
    """Delete a pool that nobody sends through."""
    return _change(lambda scope: services.delete_pool(scope, pool_id=pool_id), "The pool is deleted, with its routes.")


def _change(act: Any, said: str) -> Response:
    scope = visit.scope()
    try:
        with transaction(scope):
            act(scope)
    except AppError as refusal:
        if refusal.kind == "missing":
            raise
        return form_again("operator/pools.html", refusal, **_values())
    flash(said, "success")
    return redirect("/operator/pools", 303)
