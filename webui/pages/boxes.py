"""Mailboxes that bounces go to where a relay lets nobody set a return path: set up, tried, paused, deleted."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.inbound.boxes import queries, services
from posthouse.inbound.boxes.rules import AFTERWARDS, ENCRYPTIONS, PROTOCOLS, Draft
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
            box_id = services.add_box(scope, _draft(), password=request.form.get("password", ""))
    except AppError as refusal:
        typed = {**_NEW, **request.form.to_dict(), "verify_tls": forms.flag("verify_tls")}
        return form_again("operator/boxes.html", refusal, typed=typed, **_values())
    return _tried(box_id)


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
