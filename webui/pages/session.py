"""Sign in, sign out, choose where to work."""

from __future__ import annotations

import re

from flask import Blueprint, flash, redirect, request
from flask import session as form_session
from werkzeug.wrappers import Response

from posthouse.platform.app import house
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Missing
from posthouse.platform.scope import Reach, Scope, public
from posthouse.tenants.people import signin, stays
from posthouse.tenants.people.queries import Membership
from posthouse.webui.edge import identity, visit
from posthouse.webui.edge.access import Door, needs
from posthouse.webui.edge.guard import host_reseller
from posthouse.webui.edge.rendering import form_again, page

blueprint = Blueprint("session", __name__)
_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*\Z")


def own_path(text: str) -> str:
    """Return a path of ours to go on to; anything else becomes the start page, so that no link leads elsewhere."""
    return text if len(text) < 2000 and _OWN_PATH.match(text) and "\\" not in text else "/"


@blueprint.get("/sign-in")
@needs(Door.VISITOR)
def form() -> Response:
    """Show the sign-in form."""
    if visit.current().user is not None:
        return redirect(own_path(request.args.get("next", "/")), 303)
    return page("sign_in.html", refusal=None, email="", next=own_path(request.args.get("next", "/")))


@blueprint.post("/sign-in")
@needs(Door.VISITOR)
def sign_in() -> Response:
    """Check address and password and start a session."""
    email, password = request.form.get("email", ""), request.form.get("password", "")
    target = own_path(request.form.get("next", "/"))
    seen = visit.current()
    asking = public("sign in", seen.request_id)
    try:
        signin.check_rate(email[:320], seen.origin)
        with transaction(asking):
            user_id = signin.check_password(asking, email=email[:320], password=password)
            token = signin.start_session(asking, user_id, seen.origin)
    except AppError as refusal:
        return form_again("sign_in.html", refusal, email=email[:320], next=target)
    _note(asking, token)
    return _signed_in(token, target)


def _note(asking: Scope, token: str) -> None:
    """Write the sign-in to the audit of the place, where the person has been put into one."""
    seen = visit.current()
    with transaction(asking):
        signed_in = signin.find_session(asking, token)
        scope = (
            signin.scope_of(asking, signed_in, house().permissions, reason="sign in", request_id=seen.request_id, origin=seen.origin)
            if signed_in
            else None
        )
    if scope is not None:
        with transaction(scope):
            signin.note_sign_in(scope)


def _signed_in(token: str, target: str) -> Response:
    form_session.clear()  # form tokens of before are worth nothing now, in every tab
    response = redirect(target, 303)
    identity.keep_token(response, token)
    return response


@blueprint.post("/sign-out")
@needs(Door.VISITOR)
def sign_out() -> Response:
    """End the session."""
    token = identity.token()
    if token:
        note_left(visit.current())
        asking = public("sign out", visit.current().request_id)
        with transaction(asking):
            signin.end_session(asking, token)
    form_session.clear()
    flash("You are signed out.", "success")
    response = redirect("/sign-in", 303)
    identity.drop_token(response)
    return response


def note_left(seen: visit.Visit) -> None:
    """Write down that somebody leaves an account that they had entered, if they had."""
    if seen.stay is None or seen.scope is None:
        return
    with transaction(seen.scope):
        stays.leave(seen.scope)


@blueprint.get("/places")
@needs(Door.PERSON)
def places() -> Response:
    """List the places where the person may work."""
    return page("places.html", places=_reachable())


@blueprint.post("/places")
@needs(Door.PERSON)
def choose() -> Response:
    """Move the session to another place, with a new token."""
    reach, reseller_id, tenant_id = _read_key(request.form.get("key", ""))
    if not any((one.reach, one.reseller_id, one.tenant_id) == (reach, reseller_id, tenant_id) for one in _reachable()):
        raise Missing("place_not_found", "There is no such place.")
    seen = visit.current()
    note_left(seen)
    asking = public("choose place", seen.request_id)
    with transaction(asking):
        token = signin.choose_place(
            asking, identity.token() or "", reach=reach, reseller_id=reseller_id, tenant_id=tenant_id, origin=seen.origin
        )
    return _signed_in(token, "/")


def _reachable() -> list[Membership]:
    """At a reseller's own address only that reseller's places exist."""
    own = host_reseller(visit.current().host)
    return [one for one in visit.current().places if own is None or one.reseller_id == own]


def _read_key(text: str) -> tuple[Reach, int | None, int | None]:
    parts = text.split(":")
    try:
        reach = Reach(parts[0])
        numbers = [int(part) if part else None for part in parts[1:3]]
    except ValueError:
        raise Missing("place_not_found", "There is no such place.") from None
    if len(numbers) != 2 or reach not in {Reach.OPERATOR, Reach.RESELLER, Reach.TENANT}:
        raise Missing("place_not_found", "There is no such place.")
    return reach, numbers[0], numbers[1]
