"""Mailboxes that bounces go to where a relay lets nobody set a return path: set up, edited, tried, paused, deleted."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.inbound.boxes import queries, services
from posthouse.inbound.boxes.rules import AFTERWARDS, ENCRYPTIONS, PROTOCOLS, SIGN_INS, Draft
from posthouse.inbound.boxes.visits import try_place
from posthouse.inbound.permissions import MANAGE_BOXES
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.platform.trials import Step
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page

blueprint = Blueprint("boxes", __name__)
_NEW = asdict(Draft(label="", protocol="imap", host="", port=993, tls="tls", verify_tls=True, username=""))


@blueprint.get("/operator/boxes")
@needs(MANAGE_BOXES)
def index() -> Response:
    """List the mailboxes, with the form for another one."""
    return page("operator/boxes.html", refusal=None, typed=_NEW, **_values())


def _values() -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        found = queries.list_boxes(scope)
    return {
        "boxes": found,
        "protocols": PROTOCOLS,
        "encryptions": ENCRYPTIONS,
        "afterwards": AFTERWARDS["imap"],
        "sign_ins": SIGN_INS,
        "tried": None,
        "steps": (),
    }


@blueprint.post("/operator/boxes")
@needs(MANAGE_BOXES)
def create() -> Response:
    """Have a mailbox emptied, and say at once whether that will work."""
    scope = visit.scope()
    try:
        with transaction(scope):
            box_id = services.add_box(scope, _draft(), **_secrets())
    except AppError as refusal:
        return form_again("operator/boxes.html", refusal, typed=_typed(), **_values())
    return _tried(box_id)


@blueprint.get("/operator/boxes/<pid('box'):box_id>")
@needs(MANAGE_BOXES)
def edit(box_id: int) -> Response:
    """Show a mailbox with what can be changed of it; its password is not shown."""
    scope = visit.scope()
    with transaction(scope):
        box = queries.get_box(scope, box_id)
    return page("operator/box.html", refusal=None, box=box, typed=asdict(box))


@blueprint.post("/operator/boxes/<pid('box'):box_id>")
@needs(MANAGE_BOXES)
def save(box_id: int) -> Response:
    """Change a mailbox, and say at once whether that works."""
    scope = visit.scope()
    with transaction(scope):
        box = queries.get_box(scope, box_id)
    try:
        with transaction(scope):
            services.edit_box(scope, box_id=box_id, draft=_draft(), **_secrets())
    except AppError as refusal:
        return form_again("operator/box.html", refusal, box=box, typed=_typed())
    return _tried(box_id)


def _typed() -> dict[str, Any]:
    # Secrets go back to nobody.
    shown = {name: value for name, value in request.form.items() if name in _NEW}
    return {**_NEW, **shown, "verify_tls": forms.flag("verify_tls")}


def _secrets() -> dict[str, str]:
    return {name: request.form.get(name, "") for name in ("password", "client_secret")}


def _draft() -> Draft:
    return Draft(
        label=forms.text("label"),
        protocol=forms.text("protocol"),
        host=forms.text("host"),
        port=forms.number("port", least=1, most=65535, label="The port") or 0,
        tls=forms.text("tls"),
        verify_tls=forms.flag("verify_tls"),
        username=forms.text("username"),
        folder=forms.text("folder"),
        afterwards=forms.text("afterwards"),
        move_to=forms.text("move_to"),
        signs_in=forms.text("signs_in") or "password",
        token_url=forms.text("token_url"),
        client_id=forms.text("client_id"),
    )


@blueprint.post("/operator/boxes/<pid('box'):box_id>/trial")
@needs(MANAGE_BOXES)
def trial(box_id: int) -> Response:
    """Try a mailbox; nothing in it is touched."""
    return _tried(box_id)


def _tried(box_id: int) -> Response:
    scope = visit.scope()
    with transaction(scope):
        place = services.place_of(scope, box_id)
    steps: tuple[Step, ...] = try_place(place)
    return page("operator/boxes.html", refusal=None, typed=_NEW, **{**_values(), "tried": place, "steps": steps})


@blueprint.post("/operator/boxes/<pid('box'):box_id>/state")
@needs(MANAGE_BOXES)
def state(box_id: int) -> Response:
    """Pause a mailbox, or let it go on at once."""
    scope = visit.scope()
    with transaction(scope):
        services.set_state(scope, box_id=box_id, state=forms.text("state"))
    flash("Noted.", "success")
    return redirect(url_for("boxes.index"), 303)


@blueprint.post("/operator/boxes/<pid('box'):box_id>/delete")
@needs(MANAGE_BOXES)
def delete(box_id: int) -> Response:
    """Forget a mailbox."""
    scope = visit.scope()
    with transaction(scope):
        services.delete_box(scope, box_id=box_id)
    flash("The mailbox is emptied no more. What is in it stays there.", "success")
    return redirect(url_for("boxes.index"), 303)
