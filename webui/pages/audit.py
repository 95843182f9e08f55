"""Who did what: the audit of the place."""

from __future__ import annotations

from flask import Blueprint
from werkzeug.wrappers import Response

from posthouse.platform import audit
from posthouse.platform.db import transaction
from posthouse.tenants import permissions
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import page

blueprint = Blueprint("audit", __name__)
SHOWN = 50


@blueprint.get("/audit")
@needs(permissions.READ_AUDIT)
def tenant() -> Response:
    """Show the tenant's audit."""
    return _entries()


@blueprint.get("/reseller/audit")
@needs(permissions.READ_RESELLER_AUDIT)
def reseller() -> Response:
    """Show the reseller's audit."""
    return _entries()


@blueprint.get("/operator/audit")
@needs(permissions.READ_OPERATOR_AUDIT)
def operator() -> Response:
    """Show the operator's audit."""
    return _entries()


def _entries() -> Response:
    scope = visit.scope()
    with transaction(scope):
        found = audit.list_entries(scope, before=forms.cursor(), limit=SHOWN + 1)
    return page("audit.html", entries=found[:SHOWN], before=found[SHOWN - 1].id if len(found) > SHOWN else None)
