"""Mail that came back: the tenant's own, and for the operator what belongs to nobody known. Shown as text, never as HTML."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.inbound.mailroom import queries, services
from posthouse.inbound.mailroom.services import KINDS
from posthouse.inbound.permissions import READ_INBOUND, READ_UNMATCHED, SORT_UNMATCHED
from posthouse.inbound.tally.queries import counted
from posthouse.platform.db import transaction
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import page

blueprint = Blueprint("mail", __name__)
KIND_NAMES = {
    "bounce": "Bounce",
    "fbl": "Complaint",
    "mdn": "Read receipt",
    "autoreply": "Automatic answer",
    "unsubscribe": "Unsubscribe mail",
    "dmarc": "DMARC report",
    "tlsrpt": "TLS report",
    "reply": "Answer by a person",
    "other": "Something else",
}


@blueprint.get("/mail")
@needs(READ_INBOUND)
def index() -> Response:
    """List the tenant's mail, newest first."""
    scope = visit.scope()
    kind = request.args.get("kind", "")
    kind = kind if kind in KIND_NAMES else ""
    with transaction(scope):
        found = queries.list_mail(scope, kind=kind or None, before=forms.cursor())
    return page("mail/index.html", page=found, kind=kind, kinds=KIND_NAMES)


@blueprint.get("/mail/<pid('eml'):mail_id>")
@needs(READ_INBOUND)
def show(mail_id: int) -> Response:
    """Show one mail and what it was taken for."""
    scope = visit.scope()
    with transaction(scope):
        found = queries.get_mail(scope, mail_id=mail_id)
    return page("mail/show.html", mail=found, kinds=KIND_NAMES, unmatched=False)


@blueprint.get("/operator/mail")
@needs(READ_UNMATCHED)
def unmatched() -> Response:
    """List mail that belongs to nobody known, or that nobody understood."""
    scope = visit.scope()
    everything = request.args.get("all") == "1"
    with transaction(scope):
        found = queries.list_unmatched(scope, waiting_only=not everything, before=forms.cursor())
        counts = queries.count_unmatched(scope)
        week = counted(scope)
    return page("operator/mail.html", page=found, counts=counts, week=week, everything=everything, kinds=KIND_NAMES)


@blueprint.get("/operator/mail/<pid('eml'):mail_id>")
@needs(READ_UNMATCHED)
def show_unmatched(mail_id: int) -> Response:
    """Show one unmatched mail."""
    scope = visit.scope()
    with transaction(scope):
        found = queries.get_unmatched(scope, mail_id=mail_id)
    return page("mail/show.html", mail=found, kinds={kind: KIND_NAMES.get(kind, kind) for kind in KINDS}, unmatched=True)


@blueprint.post("/operator/mail/<pid('eml'):mail_id>/kind")
@needs(SORT_UNMATCHED)
def say(mail_id: int) -> Response:
    """Say what an unmatched mail was."""
    scope = visit.scope()
    with transaction(scope):
        services.say_what_it_was(scope, mail_id=mail_id, kind=forms.text("kind"))
    flash("Noted. It helps to recognise the next one of its kind.", "success")
    return redirect(url_for("mail.unmatched"), 303)
