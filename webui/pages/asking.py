"""What is this mail? For staff and for a tenant's people: paste its source or choose a file. Looking changes nothing."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.inbound.inspection import services
from posthouse.inbound.permissions import (
    APPLY_BROUGHT,
    APPLY_BROUGHT_ANYWHERE,
    APPLY_BROUGHT_BELOW,
    READ_INBOUND,
    READ_INBOUND_BELOW,
    READ_UNMATCHED,
)
from posthouse.platform.errors import AppError, Invalid
from posthouse.platform.permissions import Permission
from posthouse.sending.replies.rulebook import reasons, sources
from posthouse.webui.edge import visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page
from posthouse.webui.pages.mail import KIND_NAMES

blueprint = Blueprint("asking", __name__)


@dataclass(frozen=True, slots=True)
class _Where:
    """From where somebody asks."""

    path: str
    back: str
    back_label: str
    apply: Permission


_TENANT = _Where("/mail/what", "/mail", "Inbound mail", APPLY_BROUGHT)
_RESELLER = _Where("/reseller/mail", "/", "Overview", APPLY_BROUGHT_BELOW)
_OPERATOR = _Where("/operator/mail/what", "/operator/mail", "Unmatched mail", APPLY_BROUGHT_ANYWHERE)


@blueprint.get(_TENANT.path)
@needs(READ_INBOUND)
def tenant() -> Response:
    """Show a tenant's people the form."""
    return _form(_TENANT)


@blueprint.get(_RESELLER.path)
@needs(READ_INBOUND_BELOW)
def reseller() -> Response:
    """Show a reseller's staff the form."""
    return _form(_RESELLER)


@blueprint.get(_OPERATOR.path)
@needs(READ_UNMATCHED)
def operator() -> Response:
    """Show the operator's staff the form."""
    return _form(_OPERATOR)


@blueprint.post(_TENANT.path)
@needs(READ_INBOUND)
def tenant_asks() -> Response:
    """Say what a tenant's mail is."""
    return _answer(_TENANT)


@blueprint.post(_RESELLER.path)
@needs(READ_INBOUND_BELOW)
def reseller_asks() -> Response:
    """Say what a mail is, to a reseller's staff."""
    return _answer(_RESELLER)


@blueprint.post(_OPERATOR.path)
@needs(READ_UNMATCHED)
def operator_asks() -> Response:
    """Say what a mail is, to the operator's staff."""
    return _answer(_OPERATOR)


@blueprint.post(_TENANT.path + "/apply")
@needs(APPLY_BROUGHT)
def tenant_applies() -> Response:
    """Have a tenant's mail counted."""
    return _apply(_TENANT)


@blueprint.post(_RESELLER.path + "/apply")
@needs(APPLY_BROUGHT_BELOW)
def reseller_applies() -> Response:
    """Have a mail counted, on the word of a reseller's staff."""
    return _apply(_RESELLER)


@blueprint.post(_OPERATOR.path + "/apply")
@needs(APPLY_BROUGHT_ANYWHERE)
def operator_applies() -> Response:
    """Have a mail counted, on the word of the operator's staff."""
    return _apply(_OPERATOR)


def _form(where: _Where, source: str = "") -> Response:
    return page("mail/what.html", refusal=None, found=None, where=where, source=source, content="", kinds=KIND_NAMES)


def _answer(where: _Where) -> Response:
    upload = request.files.get("file")
    content = (
        upload.read(services.MAX_BYTES + 1) if upload and upload.filename else request.form.get("source", "").encode("utf-8", "replace")
    )
    try:
        found = services.inspect(visit.scope(), content)
    except AppError as refusal:
        return form_again(
            "mail/what.html", refusal, found=None, where=where, source=request.form.get("source", ""), content="", kinds=KIND_NAMES
        )
    packed = base64.b64encode(content).decode()
    return page(
        "mail/what.html",
        refusal=None,
        found=found,
        where=where,
        source="",
        content=packed,
        kinds=KIND_NAMES,
        meanings={name: facts.says for name, facts in reasons().items()},
        sources=sources(),
    )


def _apply(where: _Where) -> Response:
    try:
        content = base64.b64decode(request.form.get("content", ""), validate=True)
    except binascii.Error as problem:
        raise Invalid("mail_missing", "Paste the mail again.", field="source") from problem
    services.apply(visit.scope(), content)
    flash("It is counted as if it had come in; that takes a second. Nothing counts twice.", "success")
    return redirect(url_for("mail.index") if where is _TENANT else where.path, 303)
