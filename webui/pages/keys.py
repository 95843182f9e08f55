"""API keys: made once, shown once, revoked at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, request
from werkzeug.wrappers import Response

from posthouse.platform.app import house, settings
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.platform.permissions import Permission
from posthouse.platform.scope import Reach
from posthouse.sending.transactional.mime import MOST_RECIPIENTS
from posthouse.tenants import permissions
from posthouse.tenants.keys import services
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page

blueprint = Blueprint("keys", __name__)


@blueprint.get("/keys")
@needs(permissions.MANAGE_KEYS)
def index() -> Response:
    """List the keys."""
    return page("keys.html", refusal=None, made=None, **_values())


def _values() -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        listed = services.list_keys(scope)
    return {"keys": listed, "offered": _offered(), "ticked": request.form.getlist("permissions"), "smtp": _smtp()}


@dataclass(frozen=True, slots=True)
class SmtpCard:
    """How programs reach the submission service; a port that is None is not open."""

    host: str
    starttls: int | None
    tls: int | None
    most_bytes: int
    most_recipients: int


def _smtp() -> SmtpCard | None:
    """Return what programs must know to send by SMTP, None where the installation doesn't offer it."""
    here = settings()
    if not here.submission_certificate and not here.submission_plain_loopback:
        return None
    return SmtpCard(
        host=here.submission_hostname or here.mail_domain,
        starttls=(here.submission_public_port or here.submission_port) if here.submission_port else None,
        tls=(here.submission_public_tls_port or here.submission_tls_port)
        if here.submission_tls_port and here.submission_certificate
        else None,
        most_bytes=here.submission_message_bytes,
        most_recipients=MOST_RECIPIENTS,
    )


def _offered() -> list[Permission]:
    """List what the person may give away: no more than they hold."""
    scope = visit.scope()
    return sorted(
        (one for one in house().permissions.values() if one.reach is Reach.TENANT and one.name in scope.permissions),
        key=lambda one: one.name,
    )


@blueprint.post("/keys")
@needs(permissions.MANAGE_KEYS)
def create() -> Response:
    """Make a key and show it this once."""
    scope = visit.scope()
    try:
        with transaction(scope):
            _, key = services.issue(
                scope, name=forms.text("name"), permissions=request.form.getlist("permissions"), registry=house().permissions
            )
    except AppError as refusal:
        return form_again("keys.html", refusal, made=None, **_values())
    return page("keys.html", 201, refusal=None, made=key, **_values())


@blueprint.post("/keys/<pid('key'):key_id>/revoke")
@needs(permissions.MANAGE_KEYS)
def revoke(key_id: int) -> Response:
    """Revoke a key."""
    scope = visit.scope()
    with transaction(scope):
        services.revoke(scope, key_id)
    flash("The key is revoked and works no more.", "success")
    return redirect("/keys", 303)
