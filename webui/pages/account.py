"""The person's own account: their password."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request
from flask import session as form_session
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Missing
from posthouse.tenants.people import services as people
from posthouse.webui.edge import identity, visit
from posthouse.webui.edge.access import Door, needs
from posthouse.webui.edge.rendering import form_again, page

blueprint = Blueprint("account", __name__)


@blueprint.get("/account")
@needs(Door.PERSON)
def show() -> Response:
    """Show the person's account."""
    return page("account.html", refusal=None)


@blueprint.post("/account/password")
@needs(Door.PERSON)
def change_password() -> Response:
    """Change the password; every session ends, also this one."""
    seen = visit.current()
    if seen.scope is None or seen.user is None:
        raise Missing("place_not_found", "Choose where to work first.")
    try:
        with transaction(seen.scope):
            people.change_own_password(seen.scope, seen.user.id, present=request.form.get("present", ""), new=request.form.get("new", ""))
    except AppError as refusal:
        return form_again("account.html", refusal)
    form_session.clear()
    flash("Your password is changed. Sign in with the new one.", "success")
    response = redirect("/sign-in", 303)
    identity.drop_token(response)
    return response
