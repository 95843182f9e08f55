"""API keys: made once, shown once, revoked at once."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request
from werkzeug.wrappers import Response

from posthouse.platform.app import house
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.platform.permissions import Permission
from posthouse.platform.scope import Reach
from posthouse.tenants import permissions
from posthouse.tenants.keys import services
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page
from posthouse.webui.pages.help_pages import smtp_card

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
    return {"keys": listed, "offered": _groups(), "ticked": request.form.getlist("permissions"), "smtp": smtp_card()}


# In what order a person looks for them: what most programs need stands first.
GROUPS = (
    ("Messages and campaigns", ("messages", "campaigns", "replies")),
    ("People", ("contacts", "lists", "subscriptions", "fields", "suppressions")),
    ("Domains and what comes back", ("domains", "inbound", "webhooks")),
)


def _groups() -> list[tuple[str, list[Permission]]]:
    """Return what may be given away in groups; what belongs to none of them is about the account."""
    left = _offered()
    found = []
    for label, nouns in GROUPS:
        of_group = sorted(
            (one for one in left if _noun(one) in nouns),
            key=lambda one: (nouns.index(_noun(one)), not one.name.endswith(":read"), one.name),
        )
        left = [one for one in left if one not in of_group]
        found.append((label, of_group))
    return [(label, group) for label, group in [*found, ("The account", left)] if group]


def _noun(permission: Permission) -> str:
    return permission.name.partition(":")[0]


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
