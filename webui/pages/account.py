"""The person's own account: their password and time zone."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request
from flask import session as form_session
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Forbidden, Missing
from posthouse.platform.scope import public
from posthouse.tenants.accounts.rules import timezones
from posthouse.tenants.people import services as people
from posthouse.webui.edge import identity, visit
from posthouse.webui.edge.access import Door, needs
from posthouse.webui.edge.rendering import form_again, page

blueprint = Blueprint("account", __name__)


@blueprint.get("/account")
@needs(Door.PERSON)
def show() -> Response:
    """Show the person's account."""
    return page("account.html", refusal=None, zones=_zones())


def _zones() -> list[tuple[str, str]]:
    return [("", "That of the account I work in"), *((zone, zone.replace("_", " ")) for zone in timezones())]


@blueprint.post("/account/timezone")
@needs(Door.PERSON)
def set_timezone() -> Response:
    """Choose the time zone in which times are shown to this person."""
    seen = visit.current()
    if seen.user is None:
        raise Missing("session_not_found", "Sign in first.")
    asking = public("set time zone", seen.request_id)
    try:
        with transaction(asking):
            people.set_own_timezone(asking, seen.user.id, request.form.get("timezone", ""))
    except AppError as refusal:
        return form_again("account.html", refusal, zones=_zones())
    flash("Saved. Times are shown in it from now on.", "success")
    return redirect("/account", 303)


@blueprint.post("/account/password")
@needs(Door.PERSON)
def change_password() -> Response:
    """Change the password; every session ends, also this one."""
    seen = visit.current()
    if seen.scope is None or seen.user is None:
        raise Missing("place_not_found", "Choose where to work first.")
    if seen.stay is not None:
        raise Forbidden("inside", "Leave the account that you have entered first; your password is your own matter.")
    try:
        with transaction(seen.scope):
            people.change_own_password(seen.scope, seen.user.id, present=request.form.get("present", ""), new=request.form.get("new", ""))
    except AppError as refusal:
        return form_again("account.html", refusal, zones=_zones())
    form_session.clear()
    flash("Your password is changed. Sign in with the new one.", "success")
    response = redirect("/sign-in", 303)
    identity.drop_token(response)
    return response
