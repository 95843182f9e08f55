"""What a tenant says of itself: name, postal address, time zone."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.tenants import permissions
from posthouse.tenants.accounts import queries, services
from posthouse.tenants.accounts.rules import timezones
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page
from posthouse.webui.public import language

blueprint = Blueprint("profile", __name__)


@blueprint.get("/profile")
@needs(permissions.READ_PROFILE)
def show() -> Response:
    """Show the tenant's profile."""
    return page("profile.html", refusal=None, **_values())


def _values() -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        profile = queries.get_profile(scope)
    zones = [(zone, zone.replace("_", " ")) for zone in timezones()]
    return {"profile": profile, "zones": zones, "languages": language.offered(), "typed": request.form}


@blueprint.post("/profile")
@needs(permissions.MANAGE_PROFILE)
def save() -> Response:
    """Change the profile."""
    scope = visit.scope()
    try:
        with transaction(scope):
            services.edit_profile(
                scope,
                legal_name=forms.text("legal_name"),
                postal_address=forms.text("postal_address"),
                website=forms.text("website"),
                timezone=forms.text("timezone"),
                locale=forms.text("locale") or None,
            )
    except AppError as refusal:
        return form_again("profile.html", refusal, **_values())
    flash("Saved.", "success")
    return redirect("/profile", 303)
