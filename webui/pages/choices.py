"""By which pool mail leaves: the reseller says so for a tenant and for a provider's recipients, and which pools tenants may choose."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Conflict, Invalid
from posthouse.platform.permissions import holds
from posthouse.platform.scope import Scope, for_tenant
from posthouse.sending.mailboxes import queries as mailboxes
from posthouse.sending.mailboxes.rules import OTHER
from posthouse.sending.pools import permissions, queries, services
from posthouse.tenants import permissions as tenant_permissions
from posthouse.tenants.accounts import queries as accounts
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page_or_part
from posthouse.webui.pages.reseller import tenant_values

blueprint = Blueprint("choices", __name__)


@blueprint.get("/reseller/pools")
@needs(permissions.READ)
def pools() -> Response:
    """Show the pools that the reseller's tenants send through, and who uses which."""
    return page_or_part("reseller/pools.html", "live", refusal=None, **_values())


def _values() -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        return {
            "pools": queries.list_pools(scope),
            "rules": queries.list_rules(scope),
            "group_names": {key: name for key, name in mailboxes.names(scope).items() if key != OTHER},
            "may_offer": holds(scope, permissions.OFFER),
            "tenant_names": _names(scope),
        }


def _names(scope: Scope) -> dict[int, str]:
    return {one.id: one.name for one in accounts.list_tenants(scope)} if holds(scope, tenant_permissions.READ_TENANTS) else {}


@blueprint.post("/reseller/pools/<pid('pol'):pool_id>/offer")
@needs(permissions.OFFER)
def offer(pool_id: int) -> Response:
    """Let tenants choose a pool for a campaign, under a name of the reseller's."""

    def act(scope: Scope) -> None:
        services.offer_pool(scope, pool_id=pool_id, stream="marketing", label=forms.text("label"))

    return _change(act)


@blueprint.post("/reseller/pools/rules")
@needs(permissions.OFFER)
def set_rule() -> Response:
    """Say by which pool a provider's mail leaves."""

    def act(scope: Scope) -> None:
        group = forms.text("group")
        if group not in mailboxes.names(scope) or group == OTHER:
            raise Invalid("choice_unknown", "Choose a mailbox provider from the list.", field="group")
        pool_id = forms.chosen_id("pool", "pol", label="a pool")
        services.set_rule(scope, stream=forms.text("stream"), group=group, pool_id=pool_id)

    return _change(act)


def _change(act: Any) -> Response:
    scope = visit.scope()
    try:
        with transaction(scope):
            act(scope)
    except AppError as refusal:
        if refusal.kind == "missing":
            raise
        return form_again("reseller/pools.html", refusal, **_values())
    flash("Saved; it holds for mail that leaves from now on.", "success")
    return redirect(url_for("choices.pools"), 303)


@blueprint.post("/reseller/tenants/<pid('tnt'):tenant_id>/pool")
@needs(tenant_permissions.MANAGE_TENANTS)
def for_one(tenant_id: int) -> Response:
    """Choose by which pool a tenant's stream leaves."""
    scope = visit.scope()
    chosen = forms.chosen_id("pool", "pol", label="a pool")
    inside = for_tenant(
        reseller_id=scope.reseller,
        tenant_id=tenant_id,
        actor=scope.actor,
        reason="pool chosen by the reseller",
        request_id=scope.request_id,
    )
    try:
        with transaction(scope):
            accounts.get_tenant(scope, tenant_id)
            services.require_free(scope, pool_id=chosen, tenant_id=tenant_id)
        with transaction(inside):
            services.choose_pool(inside, stream=forms.text("stream"), pool_id=chosen)
    except Conflict as refusal:
        return form_again("reseller/tenant.html", refusal, **tenant_values(tenant_id))
    flash("Saved; it holds for mail that leaves from now on.", "success")
    return redirect(url_for("reseller.tenant", tenant_id=tenant_id), 303)
