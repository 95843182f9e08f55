"""Who did what: the audit of the place."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flask import Blueprint
from werkzeug.wrappers import Response

from posthouse.platform import audit
from posthouse.platform.db import transaction
from posthouse.tenants import permissions
from posthouse.tenants.people import stays
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import page
from posthouse.webui.pages.subjects import name_all, numbers

blueprint = Blueprint("audit", __name__)
SHOWN = 50
_ADDRESS = re.compile(r"(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) /\S*\Z")


@blueprint.get("/audit")
@needs(permissions.READ_AUDIT)
def tenant() -> Response:
    """Show the tenant's audit."""
    scope = visit.scope()
    with transaction(scope):
        found = stays.list_stays(scope) if forms.cursor() is None else []
    return _entries(found)


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


def _entries(found_stays: Sequence[stays.StayCard] = ()) -> Response:
    scope = visit.scope()
    with transaction(scope):
        found = audit.list_entries(scope, before=forms.cursor(), limit=SHOWN + 1)
        shown = found[:SHOWN]
        names = name_all(scope, shown)
    before = shown[-1].id if len(found) > SHOWN else None
    reasons = {one.id: _reason(one) for one in shown}
    return page("audit.html", entries=shown, before=before, stays=found_stays, reasons=reasons, names=names, numbers=numbers)


def _reason(entry: audit.Entry) -> str:
    """Return why it was done where somebody said so; the address that was asked says nothing to people."""
    return _ADDRESS.sub("", entry.reason).removesuffix(" · ")
