"""A campaign as one contact sees it, in a frame that can do nothing, and as plain text."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Missing
from posthouse.sending import permissions
from posthouse.sending.campaigns import queries, services
from posthouse.tenants.contacts import queries as contacts
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.headers import LETTER_POLICY
from posthouse.webui.edge.rendering import page

blueprint = Blueprint("previews", __name__)


@blueprint.get("/campaigns/<pid('cmp'):campaign_id>/preview", endpoint="show")
@needs(permissions.READ_CAMPAIGNS)
def show(campaign_id: int) -> Response:
    """Show a campaign with a chosen contact."""
    scope = visit.scope()
    with transaction(scope):
        values: dict[str, Any] = {"campaign": queries.get_campaign(scope, campaign_id)}
        contact_id, unknown = _contact(request.args.get("contact", "").strip())
        values |= {"contact": contacts.get_contact(scope, contact_id) if contact_id else None, "unknown": unknown}
        try:
            values["seen"], refusal = queries.preview_campaign(scope, campaign_id, contact_id=contact_id), None
        except AppError as problem:
            if isinstance(problem, Missing):
                raise
            values["seen"], refusal = None, problem
    return page("campaigns/preview.html", refusal=refusal, asked=request.args.get("contact", "")[:320], **values)


def _contact(asked: str) -> tuple[int | None, bool]:
    """Return the contact with an address, and whether there is none such."""
    if not asked:
        return None, False
    found = contacts.find_contact(visit.scope(), email=asked)
    return (found.id, False) if found else (None, True)


@blueprint.get("/campaigns/<pid('cmp'):campaign_id>/letter")
@needs(permissions.READ_CAMPAIGNS)
def letter(campaign_id: int) -> Response:
    """Send the letter itself, for the frame."""
    scope = visit.scope()
    asked = request.args.get("contact", "")
    with transaction(scope):
        contact_id = ids.decode("con", asked) if asked else None
        seen = queries.preview_campaign(scope, campaign_id, contact_id=contact_id)
    response = make_response(seen.html)
    response.headers["Content-Security-Policy"] = LETTER_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/campaigns/<pid('cmp'):campaign_id>/test")
@needs(permissions.WRITE_CAMPAIGNS)
def test(campaign_id: int) -> Response:
    """Send the draft to one address, marked as a test."""
    scope = visit.scope()
    try:
        contact_id = forms.chosen_id("contact", "con", label="a contact")
        with transaction(scope):
            services.send_test(scope, campaign_id=campaign_id, to=forms.text("to").strip(), contact_id=contact_id)
        flash(f"A test is on its way to {forms.text('to').strip()[:320]}.", "success")
    except AppError as refusal:
        if isinstance(refusal, Missing):
            raise
        flash(refusal.sentence, "danger")
    return redirect(url_for("previews.show", campaign_id=campaign_id), 303)
