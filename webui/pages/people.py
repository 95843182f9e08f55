"""People of a place and their roles. The same three pages for tenant, reseller and operator."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, flash, redirect
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.platform.scope import Reach
from posthouse.tenants import permissions
from posthouse.tenants.people import queries, services
from posthouse.tenants.roles.rules import ROLES
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page

blueprint = Blueprint("people", __name__)
MEANINGS = {
    "owner": "Everything, also paying and closing.",
    "admin": "Everything but the subscription.",
    "editor": "Contacts, lists and campaigns.",
    "analyst": "Looks at everything, changes nothing.",
    "support": "Helps tenants, changes no money.",
    "billing": "Plans, prices and payments.",
}
_PATHS = {Reach.TENANT: "/people", Reach.RESELLER: "/reseller/people", Reach.OPERATOR: "/operator/people"}


def _index() -> Response:
    return page("people.html", refusal=None, made=None, **_values())


def _values() -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        members = queries.list_members(scope)
    return {"members": members, "roles": ROLES[scope.reach], "meanings": MEANINGS, "base": _PATHS[scope.reach]}


def _add() -> Response:
    scope = visit.scope()
    password = secrets.token_urlsafe(12)
    try:
        with transaction(scope):
            user_id = services.add_member(
                scope, email=forms.text("email"), name=forms.text("name"), role=forms.text("role"), password=password
            )
            known = queries.find_user(scope, user_id)
    except AppError as refusal:
        return form_again("people.html", refusal, made=None, **_values())
    email = known.email if known else forms.text("email")
    return page("people.html", 201, refusal=None, made={"email": email, "password": password}, **_values())


def _set_role(user_id: int) -> Response:
    scope = visit.scope()
    with transaction(scope):
        services.set_role(scope, user_id, forms.text("role"))
    flash("The role is changed. It holds at once, also for keys that this person made.", "success")
    return redirect(_PATHS[scope.reach], 303)


def _remove(user_id: int) -> Response:
    scope = visit.scope()
    with transaction(scope):
        services.remove_member(scope, user_id)
    flash("Removed. Their keys lose their rights at once.", "success")
    return redirect(_PATHS[scope.reach], 303)


@blueprint.get("/people")
@needs(permissions.MANAGE_PEOPLE)
def tenant() -> Response:
    """List the tenant's people."""
    return _index()


@blueprint.post("/people")
@needs(permissions.MANAGE_PEOPLE)
def tenant_add() -> Response:
    """Give somebody a place in the tenant."""
    return _add()


@blueprint.post("/people/<pid('usr'):user_id>/role")
@needs(permissions.MANAGE_PEOPLE)
def tenant_role(user_id: int) -> Response:
    """Change a role."""
    return _set_role(user_id)


@blueprint.post("/people/<pid('usr'):user_id>/remove")
@needs(permissions.MANAGE_PEOPLE)
def tenant_remove(user_id: int) -> Response:
    """Take a place away."""
    return _remove(user_id)


@blueprint.get("/reseller/people")
@needs(permissions.MANAGE_RESELLER_PEOPLE)
def reseller() -> Response:
    """List the reseller's people."""
    return _index()


@blueprint.post("/reseller/people")
@needs(permissions.MANAGE_RESELLER_PEOPLE)
def reseller_add() -> Response:
    """Give somebody a place at the reseller."""
    return _add()


@blueprint.post("/reseller/people/<pid('usr'):user_id>/role")
@needs(permissions.MANAGE_RESELLER_PEOPLE)
def reseller_role(user_id: int) -> Response:
    """Change a role."""
    return _set_role(user_id)


@blueprint.post("/reseller/people/<pid('usr'):user_id>/remove")
@needs(permissions.MANAGE_RESELLER_PEOPLE)
def reseller_remove(user_id: int) -> Response:
    """Take a place away."""
    return _remove(user_id)


@blueprint.get("/operator/people")
@needs(permissions.MANAGE_RESELLERS)
def operator() -> Response:
    """List the operator's people."""
    return _index()


@blueprint.post("/operator/people")
@needs(permissions.MANAGE_RESELLERS)
def operator_add() -> Response:
    """Give somebody a place at the operator."""
    return _add()


@blueprint.post("/operator/people/<pid('usr'):user_id>/remove")
@needs(permissions.MANAGE_RESELLERS)
def operator_remove(user_id: int) -> Response:
    """Take a place away."""
    return _remove(user_id)
