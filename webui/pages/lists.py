"""Lists and who is on them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.tenants import permissions
from posthouse.tenants.contacts import queries as contacts
from posthouse.tenants.lists import queries, services
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page, page_or_part

blueprint = Blueprint("lists", __name__)
STATES = ("subscribed", "unconfirmed", "unsubscribed", "bounced", "complained")


@blueprint.get("/lists")
@needs(permissions.READ_LISTS)
def index() -> Response:
    """List the lists with their subscribers."""
    scope = visit.scope()
    with transaction(scope):
        values: dict[str, Any] = {"lists": queries.list_lists(scope), "counts": queries.count_subscribed(scope)}
    return page("lists/index.html", **values)


@blueprint.get("/lists/new")
@needs(permissions.WRITE_LISTS)
def new() -> Response:
    """Show the form for a new list."""
    return page("lists/form.html", refusal=None, list=None, typed=request.form)


@blueprint.post("/lists/new")
@needs(permissions.WRITE_LISTS)
def create() -> Response:
    """Make a list."""
    scope = visit.scope()
    try:
        with transaction(scope):
            card = services.create_list(scope, name=forms.text("name"), description=forms.text("description"))
    except AppError as refusal:
        return form_again("lists/form.html", refusal, list=None, typed=request.form)
    flash(f"The list “{card.name}” is there. Now put people on it.", "success")
    return redirect(url_for("lists.show", list_id=card.id), 303)


@blueprint.get("/lists/<pid('lst'):list_id>")
@needs(permissions.READ_LISTS)
def show(list_id: int) -> Response:
    """Show a list: its states and its contacts."""
    scope = visit.scope()
    wanted = request.args.get("state", "")
    wanted = wanted if wanted in STATES else ""
    with transaction(scope):
        values: dict[str, Any] = {
            "list": queries.get_list(scope, list_id),
            "counts": queries.count_states(scope, list_id),
            "page": contacts.list_contacts(scope, list_id=list_id, state=wanted or None, after=request.args.get("after")),
        }
    return page_or_part("lists/show.html", "rows", states=STATES, wanted=wanted, **values)


@blueprint.get("/lists/<pid('lst'):list_id>/edit")
@needs(permissions.WRITE_LISTS)
def edit(list_id: int) -> Response:
    """Show the form for changing a list."""
    return page("lists/form.html", refusal=None, list=_card(list_id), typed=request.form)


def _card(list_id: int) -> queries.ListCard:
    scope = visit.scope()
    with transaction(scope):
        return queries.get_list(scope, list_id)


@blueprint.post("/lists/<pid('lst'):list_id>/edit")
@needs(permissions.WRITE_LISTS)
def save(list_id: int) -> Response:
    """Change a list."""
    scope = visit.scope()
    try:
        with transaction(scope):
            services.edit_list(scope, list_id=list_id, name=forms.text("name"), description=forms.text("description"))
    except AppError as refusal:
        return form_again("lists/form.html", refusal, list=_card(list_id), typed=request.form)
    flash("Saved.", "success")
    return redirect(url_for("lists.show", list_id=list_id), 303)


@blueprint.post("/lists/<pid('lst'):list_id>/delete")
@needs(permissions.WRITE_LISTS)
def delete(list_id: int) -> Response:
    """Delete a list; its contacts stay."""
    scope = visit.scope()
    with transaction(scope):
        services.delete_list(scope, list_id=list_id)
    flash("The list is deleted. Its contacts are still there.", "success")
    return redirect("/lists", 303)
