"""Addresses that are not written to: see, add, lift."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.sending.softbounces import queries as soft_queries
from posthouse.sending.softbounces import services as softbounces
from posthouse.sending.softbounces.rules import FEWEST, LONGEST_DAYS, MOST, SHORTEST_DAYS
from posthouse.tenants import permissions
from posthouse.tenants.lists import queries as lists
from posthouse.tenants.suppressions import queries, services
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page_or_part

blueprint = Blueprint("suppressions", __name__)


@blueprint.get("/suppressions")
@needs(permissions.READ_SUPPRESSIONS)
def index() -> Response:
    """List suppressions, newest first."""
    return page_or_part("suppressions.html", "rows", refusal=None, **_values())


def _values() -> dict[str, Any]:
    scope = visit.scope()
    asked = request.args.get("q", "").strip()[:320]
    with transaction(scope):
        return {
            "page": queries.list_suppressions(scope, prefix=asked, before=forms.cursor()),
            "counts": queries.count_by_reason(scope),
            "lists": {one.id: one.name for one in lists.list_lists(scope)},
            "q": asked,
            "policy": soft_queries.policy(scope),
            "bound": soft_queries.bound(scope),
        }


@blueprint.post("/suppressions")
@needs(permissions.WRITE_SUPPRESSIONS)
def add() -> Response:
    """Suppress an address by hand."""
    scope = visit.scope()
    try:
        with transaction(scope):
            services.suppress(scope, email=forms.text("email"), reason="manual", source="page")
    except AppError as refusal:
        return form_again("suppressions.html", refusal, block="body", **_values())
    flash("This address gets no mail any more.", "success")
    return redirect("/suppressions", 303)


@blueprint.post("/suppressions/soft-bounces")
@needs(permissions.WRITE_SUPPRESSIONS)
def soft_bounces() -> Response:
    """Set after how many soft bounces an address is suppressed."""
    scope = visit.scope()
    try:
        with transaction(scope):
            softbounces.set_policy(scope, **soft_bounce_form())
    except AppError as refusal:
        return form_again("suppressions.html", refusal, block="body", **_values())
    flash("Saved. It holds from the next bounce on.", "success")
    return redirect("/suppressions", 303)


def soft_bounce_form() -> dict[str, int]:
    """Read how many bounces within how many days. Raises: Invalid."""
    bounces = forms.number("bounces", least=FEWEST, most=MOST, label="How many bounces")
    days = forms.number("days", least=SHORTEST_DAYS, most=LONGEST_DAYS, label="How many days")
    return {"bounces": bounces or 0, "days": days or 0}


@blueprint.post("/suppressions/<pid('sup'):suppression_id>/lift")
@needs(permissions.WRITE_SUPPRESSIONS)
def lift(suppression_id: int) -> Response:
    """End a suppression."""
    scope = visit.scope()
    with transaction(scope):
        services.lift(scope, suppression_id=suppression_id)
    flash("Lifted. The address can be written to again.", "success")
    return redirect("/suppressions", 303)
