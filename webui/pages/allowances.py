"""How much may be sent: a reseller says it for one tenant, the operator for all of a reseller's tenants together."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.platform.scope import Scope, for_tenant
from posthouse.tenants import permissions
from posthouse.tenants.accounts import queries as accounts
from posthouse.tenants.quotas import permissions as quota_permissions
from posthouse.tenants.quotas import queries as quotas
from posthouse.tenants.quotas.queries import QuotaCard
from posthouse.tenants.quotas.services import MOST, set_allowance
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again
from posthouse.webui.pages.operator import reseller_values
from posthouse.webui.pages.reseller import tenant_values

blueprint = Blueprint("allowances", __name__)

LABELS = {"month": "Messages a month", "day": "Messages a day", "hour": "Messages an hour"}
SAVED = "Saved; it holds for what leaves from now on."


@blueprint.post("/reseller/tenants/<pid('tnt'):tenant_id>/allowances")
@needs(permissions.MANAGE_TENANTS)
def of_tenant(tenant_id: int) -> Response:
    """Set how much one tenant may send."""
    scope = visit.scope()
    with transaction(scope):
        accounts.get_tenant(scope, tenant_id)
    inside = for_tenant(
        reseller_id=scope.reseller, tenant_id=tenant_id, actor=scope.actor, reason="set by the reseller", request_id=scope.request_id
    )
    try:
        wanted = _typed()
        with transaction(inside):
            _set(inside, "tenant", tenant_id, wanted, quotas.state(inside))
    except AppError as refusal:
        return form_again("reseller/tenant.html", refusal, **tenant_values(tenant_id))
    flash(SAVED, "success")
    return redirect(url_for("reseller.tenant", tenant_id=tenant_id), 303)


@blueprint.post("/operator/resellers/<pid('rsl'):reseller_id>/allowances")
@needs(quota_permissions.SET_ABOVE)
def of_reseller(reseller_id: int) -> Response:
    """Set how much all tenants of a reseller may send together."""
    scope = visit.scope()
    with transaction(scope):
        accounts.get_reseller(scope, reseller_id)
    try:
        wanted = _typed()
        with transaction(scope):
            _set(scope, "reseller", reseller_id, wanted, quotas.state_of_reseller(scope, reseller_id))
    except AppError as refusal:
        return form_again("operator/reseller.html", refusal, **reseller_values(reseller_id))
    flash(SAVED, "success")
    return redirect(url_for("operator.reseller", reseller_id=reseller_id), 303)


def _typed() -> dict[str, int | None]:
    """Return what the form allows by period, None for no limit. Raises: Invalid, naming the field."""
    return {period: forms.number(period, least=0, most=MOST, label=label) for period, label in LABELS.items()}


def _set(scope: Scope, layer: str, owner_id: int, wanted: Mapping[str, int | None], now: list[QuotaCard]) -> None:
    """Set what differs, so that the audit log tells of changes alone."""
    before = {card.period: card.allowed for card in now}
    for period, allowed in wanted.items():
        if before.get(period) != allowed:
            set_allowance(scope, layer=layer, owner_id=owner_id, period=period, allowed=allowed)
