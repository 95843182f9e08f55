"""The fields that a tenant keeps of its contacts."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Invalid
from posthouse.tenants import permissions
from posthouse.tenants.contacts import fields, queries
from posthouse.tenants.contacts.rules import FieldKind
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page

blueprint = Blueprint("fields", __name__)
KIND_NAMES = {
    FieldKind.TEXT: "Text",
    FieldKind.NUMBER: "Number",
    FieldKind.DATE: "Date",
    FieldKind.DATETIME: "Date and time",
    FieldKind.BOOLEAN: "Yes or no",
    FieldKind.URL: "Web address",
    FieldKind.CHOICE: "One of a list",
}


@blueprint.get("/fields")
@needs(permissions.READ_CONTACTS)
def index() -> Response:
    """List the fields."""
    return page("fields.html", refusal=None, **_values())


def _values() -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        return {"fields": queries.list_fields(scope), "kinds": KIND_NAMES}


@blueprint.post("/fields")
@needs(permissions.WRITE_FIELDS)
def create() -> Response:
    """Make a field."""
    scope = visit.scope()
    try:
        with transaction(scope):
            made = fields.create_field(
                scope, key=forms.text("key").strip(), label=forms.text("label").strip(), kind=_kind(), choices=_choices()
            )
    except AppError as refusal:
        return form_again("fields.html", refusal, **_values())
    flash(f"The field “{made.label}” is there. Use it in letters as {{{{ {made.key} }}}}.", "success")
    return redirect("/fields", 303)


def _kind() -> FieldKind:
    try:
        return FieldKind(forms.text("kind"))
    except ValueError:
        raise Invalid("field_kind_unknown", "Choose what the field holds from the list.", field="kind") from None


def _choices() -> list[str]:
    return [line.strip() for line in forms.text("choices").splitlines() if line.strip()]


@blueprint.post("/fields/<pid('fld'):field_id>/edit")
@needs(permissions.WRITE_FIELDS)
def edit(field_id: int) -> Response:
    """Change a field's label and choices."""
    scope = visit.scope()
    try:
        with transaction(scope):
            fields.edit_field(scope, field_id=field_id, label=forms.text("label").strip(), choices=_choices())
    except AppError as refusal:
        return form_again("fields.html", refusal, **_values())
    flash("Saved.", "success")
    return redirect("/fields", 303)


@blueprint.post("/fields/<pid('fld'):field_id>/delete")
@needs(permissions.WRITE_FIELDS)
def delete(field_id: int) -> Response:
    """Delete a field with its values."""
    scope = visit.scope()
    with transaction(scope):
        fields.delete_field(scope, field_id=field_id)
    flash("The field and its values are deleted.", "success")
    return redirect("/fields", 303)
