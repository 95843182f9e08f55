"""Sending domains: the records to publish, with what was seen of each."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.sending import permissions
from posthouse.sending.domains import queries, services
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page, page_or_part

blueprint = Blueprint("domains", __name__)


@blueprint.get("/domains")
@needs(permissions.READ_DOMAINS)
def index() -> Response:
    """List the tenant's domains."""
    return page("domains/index.html", refusal=None, domains=_all(), typed=request.form)


def _all() -> tuple[queries.DomainCard, ...]:
    scope = visit.scope()
    with transaction(scope):
        return queries.list_domains(scope)


@blueprint.post("/domains")
@needs(permissions.MANAGE_DOMAINS)
def add() -> Response:
    """Add a domain."""
    scope = visit.scope()
    try:
        with transaction(scope):
            card = services.add_domain(scope, domain=forms.text("domain").strip())
    except AppError as refusal:
        return form_again("domains/index.html", refusal, domains=_all(), typed=request.form)
    flash("Now publish these records where the domain's DNS is kept.", "success")
    return redirect(url_for("domains.show", domain_id=card.id), 303)


@blueprint.get("/domains/<pid('dom'):domain_id>")
@needs(permissions.READ_DOMAINS)
def show(domain_id: int) -> Response:
    """Show a domain's records and their state."""
    scope = visit.scope()
    with transaction(scope):
        card = queries.get_domain(scope, domain_id)
    return page_or_part("domains/show.html", "records", domain=card)


@blueprint.post("/domains/<pid('dom'):domain_id>/check")
@needs(permissions.MANAGE_DOMAINS)
def check(domain_id: int) -> Response:
    """Have the records looked for now."""
    scope = visit.scope()
    with transaction(scope):
        services.ask_for_check(scope, domain_id=domain_id)
    flash("We are looking. The page shows what is found.", "info")
    return redirect(url_for("domains.show", domain_id=domain_id), 303)


@blueprint.post("/domains/<pid('dom'):domain_id>/remove")
@needs(permissions.MANAGE_DOMAINS)
def remove(domain_id: int) -> Response:
    """Remove a domain."""
    scope = visit.scope()
    with transaction(scope):
        services.remove_domain(scope, domain_id=domain_id)
    flash("The domain is removed. Take its records out of your DNS too.", "success")
    return redirect("/domains", 303)
