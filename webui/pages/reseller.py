"""The reseller's own pages: tenants and the brand."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.billing.plans import queries as plans
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.platform.permissions import holds
from posthouse.platform.scope import Scope, for_tenant
from posthouse.sending.pools import choices
from posthouse.sending.pools import permissions as pool_permissions
from posthouse.sending.pools import queries as pools
from posthouse.sending.pools.rules import STREAMS
from posthouse.tenants import permissions
from posthouse.tenants.accounts import queries as accounts
from posthouse.tenants.accounts import services
from posthouse.tenants.accounts.rules import TENANT_STATES, clean_name
from posthouse.tenants.brand import rules as brand_rules
from posthouse.tenants.brand import services as brands
from posthouse.tenants.people import services as people
from posthouse.tenants.quotas import allowances
from posthouse.tenants.quotas import queries as quotas
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page
from posthouse.webui.pages import standing
from posthouse.webui.pages.overview import lines_values

blueprint = Blueprint("reseller", __name__)


@blueprint.get("/reseller/tenants")
@needs(permissions.READ_TENANTS)
def tenants() -> Response:
    """List the tenants."""
    return page("reseller/tenants.html", **lines_values(visit.scope()))


@blueprint.get("/reseller/tenants/new")
@needs(permissions.MANAGE_TENANTS)
def new_tenant() -> Response:
    """Show the form for a new tenant."""
    return page("reseller/new_tenant.html", refusal=None, typed=request.form)


@blueprint.post("/reseller/tenants/new")
@needs(permissions.MANAGE_TENANTS)
def open_tenant() -> Response:
    """Open a tenant with its first owner."""
    scope = visit.scope()
    password = secrets.token_urlsafe(12)
    try:
        email, _ = people.normal_email(forms.text("email"))
        owner = clean_name(forms.text("owner"), field="owner")
        with transaction(scope):
            tenant_id = services.next_tenant_id(scope)
        inside = for_tenant(
            reseller_id=scope.reseller, tenant_id=tenant_id, actor=scope.actor, reason="opened by the reseller", request_id=scope.request_id
        )
        with transaction(inside):  # all of it or nothing: a tenant that nobody can enter is no use
            services.open_tenant(inside, name=forms.text("name"))
            services.set_up_profile(inside, legal_name=forms.text("name"), postal_address=forms.text("postal_address"))
            people.add_member(inside, email=email, name=owner, role="owner", password=password)
    except AppError as refusal:
        return form_again("reseller/new_tenant.html", refusal, typed=request.form)
    return page("reseller/opened.html", 201, tenant_id=tenant_id, name=forms.text("name"), email=email, password=password)


@blueprint.get("/reseller/tenants/<pid('tnt'):tenant_id>")
@needs(permissions.READ_TENANTS)
def tenant(tenant_id: int) -> Response:
    """Show one tenant."""
    return page("reseller/tenant.html", refusal=None, **tenant_values(tenant_id))


def tenant_values(tenant_id: int) -> dict[str, Any]:
    """Gather what a tenant's page shows. Raises: Missing."""
    scope = visit.scope()
    with transaction(scope):
        found = accounts.get_tenant(scope, tenant_id)
        granted = pools.list_pools(scope) if holds(scope, pool_permissions.READ) else []
        line = next((one for one in standing.gather(scope) if one.tenant.id == tenant_id), None)
    inside = for_tenant(
        reseller_id=scope.reseller, tenant_id=tenant_id, actor=scope.actor, reason="looked at by the reseller", request_id=scope.request_id
    )
    with transaction(inside):
        quota = quotas.state(inside)
    ways = _ways(scope, inside) if granted else {"ways": {}}
    return {"tenant": found, "line": line, "quota": quota, "states": TENANT_STATES, "pools": granted, "typed": request.form, **ways}


def _ways(scope: Scope, inside: Scope) -> dict[str, Any]:
    """Return by which pool each of the tenant's streams leaves, why, and its plan's name."""
    with transaction(inside):
        ways = {stream: choices.usual_pool(inside, stream=stream) for stream in STREAMS}
        plan_id = allowances.plan_of(inside)
        chosen = {stream: pools.chosen_pool(inside, stream=stream) for stream in STREAMS}
    with transaction(scope):
        plan = plans.get_plan(scope, plan_id).name if plan_id is not None else ""
    return {"ways": ways, "chosen": chosen, "plan": plan}


@blueprint.post("/reseller/tenants/<pid('tnt'):tenant_id>/state")
@needs(permissions.MANAGE_TENANTS)
def set_state(tenant_id: int) -> Response:
    """Put a tenant into a state."""
    scope = visit.scope()
    try:
        with transaction(scope):
            services.set_state(scope, tenant_id, forms.text("state"), forms.text("reason").strip()[:500])
    except AppError as refusal:
        if refusal.kind == "missing":
            raise
        return form_again("reseller/tenant.html", refusal, **tenant_values(tenant_id))
    flash("The state is changed. It holds within seconds, also for mail that waits.", "success")
    return redirect(url_for("reseller.tenant", tenant_id=tenant_id), 303)


@blueprint.get("/reseller/brand")
@needs(permissions.MANAGE_BRAND)
def brand() -> Response:
    """Show the brand."""
    return page("reseller/brand.html", refusal=None, most_bytes=brand_rules.LOGO_BYTES, typed=request.form)


@blueprint.post("/reseller/brand")
@needs(permissions.MANAGE_BRAND)
def save_brand() -> Response:
    """Change the brand."""
    scope = visit.scope()
    try:
        with transaction(scope):
            brands.edit_brand(
                scope,
                product_name=forms.text("product_name"),
                primary_colour=forms.text("primary_colour"),
                support_email=forms.text("support_email"),
                support_url=forms.text("support_url"),
                logo=_logo(),
            )
    except AppError as refusal:
        return form_again("reseller/brand.html", refusal, most_bytes=brand_rules.LOGO_BYTES, typed=request.form)
    flash("Saved. Your tenants see it from their next page on.", "success")
    return redirect("/reseller/brand", 303)


def _logo() -> bytes | None:
    """Return the sent picture, empty bytes to take the present one away, None to keep it."""
    if forms.flag("no_logo"):
        return b""
    file = request.files.get("logo")
    if file is None or not file.filename:
        return None
    return file.stream.read(brand_rules.LOGO_BYTES + 1)
