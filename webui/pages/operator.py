"""The operator's own pages: resellers and their addresses."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.platform.permissions import holds
from posthouse.platform.scope import ALL_PERMISSIONS, Reach, Scope
from posthouse.tenants import permissions
from posthouse.tenants.accounts import queries as accounts
from posthouse.tenants.accounts import services
from posthouse.tenants.accounts.rules import RESELLER_STATES, clean_name
from posthouse.tenants.people import services as people
from posthouse.tenants.quotas import permissions as quota_permissions
from posthouse.tenants.quotas import queries as quotas
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page

blueprint = Blueprint("operator", __name__)


@blueprint.get("/operator/resellers")
@needs(permissions.READ_INSTALLATION)
def resellers() -> Response:
    """List the resellers."""
    return page("operator/resellers.html", refusal=None, made=None, **_values())


def _values() -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        found = accounts.list_resellers(scope)
        hosts = {one.id: accounts.host_of_reseller(scope, one.id) for one in found}
    return {"resellers": found, "hosts": hosts, "typed": request.form}


@blueprint.get("/operator/resellers/<pid('rsl'):reseller_id>")
@needs(permissions.READ_INSTALLATION)
def reseller(reseller_id: int) -> Response:
    """Show one reseller."""
    return page("operator/reseller.html", refusal=None, **reseller_values(reseller_id))


def reseller_values(reseller_id: int) -> dict[str, Any]:
    """Gather what a reseller's page shows. Raises: Missing."""
    scope = visit.scope()
    with transaction(scope):
        return {
            "reseller": accounts.get_reseller(scope, reseller_id),
            "host": accounts.host_of_reseller(scope, reseller_id),
            "quota": quotas.state_of_reseller(scope, reseller_id) if holds(scope, quota_permissions.READ_OPERATOR) else [],
            "may_allow": holds(scope, quota_permissions.SET_ABOVE),
            "states": RESELLER_STATES,
            "typed": request.form,
        }


@blueprint.post("/operator/resellers")
@needs(permissions.MANAGE_RESELLERS)
def open_reseller() -> Response:
    """Open a reseller with its first owner."""
    scope = visit.scope()
    password = secrets.token_urlsafe(12)
    try:
        email, _ = people.normal_email(forms.text("email"))
        owner = clean_name(forms.text("owner"), field="owner")
        with transaction(scope):
            reseller_id = services.open_reseller(scope, name=forms.text("name"))
            if forms.text("host").strip():
                services.add_web_host(scope, reseller_id, forms.text("host"))
        inside = _inside(scope, reseller_id)
        with transaction(inside):
            people.add_member(inside, email=email, name=owner, role="owner", password=password)
    except AppError as refusal:
        return form_again("operator/resellers.html", refusal, made=None, **_values())
    made = {"email": email, "password": password, "name": forms.text("name")}
    return page("operator/resellers.html", 201, refusal=None, made=made, **_values())


def _inside(scope: Scope, reseller_id: int) -> Scope:
    return Scope(
        actor=scope.actor,
        reach=Reach.RESELLER,
        reseller_id=reseller_id,
        permissions=ALL_PERMISSIONS,
        reason="opened by the operator",
        request_id=scope.request_id,
        origin=scope.origin,
    )


@blueprint.post("/operator/resellers/<pid('rsl'):reseller_id>/state")
@needs(permissions.MANAGE_RESELLERS)
def set_state(reseller_id: int) -> Response:
    """Put a reseller into a state."""
    scope = visit.scope()
    with transaction(scope):
        services.set_reseller_state(scope, reseller_id, forms.text("state"))
    flash("The state is changed.", "success")
    return redirect(url_for("operator.reseller", reseller_id=reseller_id), 303)


@blueprint.post("/operator/resellers/<pid('rsl'):reseller_id>/host")
@needs(permissions.MANAGE_RESELLERS)
def add_host(reseller_id: int) -> Response:
    """Give a reseller an address of its own."""
    scope = visit.scope()
    try:
        with transaction(scope):
            accounts.get_reseller(scope, reseller_id)
            services.add_web_host(scope, reseller_id, forms.text("host"))
    except AppError as refusal:
        if refusal.kind == "missing":
            raise
        return form_again("operator/reseller.html", refusal, **reseller_values(reseller_id))
    flash("The address is in use from now on. Point its DNS here.", "success")
    return redirect(url_for("operator.reseller", reseller_id=reseller_id), 303)
