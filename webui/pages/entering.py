"""Go into an account from above, and come back: what the reseller's and the operator's people do on behalf of others."""

from __future__ import annotations

from flask import Blueprint, flash
from flask import session as form_session
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, missing
from posthouse.platform.scope import public
from posthouse.tenants import permissions
from posthouse.tenants.people import signin, stays
from posthouse.tenants.people.queries import UserCard
from posthouse.webui.edge import forms, htmx, identity, visit
from posthouse.webui.edge.access import Door, needs
from posthouse.webui.edge.rendering import form_again
from posthouse.webui.pages import operator, reseller
from posthouse.webui.pages.session import note_left

blueprint = Blueprint("entering", __name__)
SHOWN_AGAIN = frozenset({"invalid", "limit"})


@blueprint.post("/reseller/tenants/<pid('tnt'):tenant_id>/enter")
@needs(permissions.ENTER_TENANTS)
def enter_tenant(tenant_id: int) -> Response:
    """Go into a tenant."""
    seen = visit.current()
    try:
        token = stays.enter_tenant(
            visit.scope(),
            _person(seen),
            identity.token() or "",
            tenant_id,
            mode=forms.text("mode"),
            why=forms.text("why"),
            standing=seen.stay,
        )
    except AppError as refusal:
        if refusal.kind not in SHOWN_AGAIN:
            raise
        return form_again("reseller/tenant.html", refusal, **reseller.tenant_values(tenant_id))
    return _moved(token)


@blueprint.post("/operator/resellers/<pid('rsl'):reseller_id>/enter")
@needs(permissions.MANAGE_RESELLERS)
def enter_reseller(reseller_id: int) -> Response:
    """Go into a reseller."""
    seen = visit.current()
    try:
        token = stays.enter_reseller(
            visit.scope(), _person(seen), identity.token() or "", reseller_id, mode=forms.text("mode"), why=forms.text("why")
        )
    except AppError as refusal:
        if refusal.kind not in SHOWN_AGAIN:
            raise
        return form_again("operator/reseller.html", refusal, **operator.reseller_values(reseller_id))
    return _moved(token)


@blueprint.post("/leave")
@needs(Door.PERSON)
def leave() -> Response:
    """Come back from an account that was entered."""
    seen = visit.current()
    if seen.stay is None:
        raise missing("stay")
    note_left(seen)
    asking = public("leave", seen.request_id)
    with transaction(asking):
        token = signin.go_home(asking, identity.token() or "", seen.origin)
    flash("You are back in your own place.", "success")
    return _moved(token)


def _person(seen: visit.Visit) -> UserCard:
    if seen.user is None:
        raise missing("session")
    return seen.user


def _moved(token: str) -> Response:
    form_session.pop("csrf_token", None)  # form tokens of before are worth nothing now, in every tab
    response = htmx.go("/")
    identity.keep_token(response, token)
    return response
