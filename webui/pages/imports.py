"""Importing contacts: upload, look and map, run with live progress, result with the refused rows."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Invalid
from posthouse.tenants import permissions
from posthouse.tenants.contacts import queries as contacts
from posthouse.tenants.contacts.rules import DateOrder, FieldKind
from posthouse.tenants.imports import delimiters, encoding, queries, services
from posthouse.tenants.imports.preview import Wishes
from posthouse.tenants.imports.reader import MAX_FILE_BYTES
from posthouse.tenants.lists import queries as lists
from posthouse.tenants.lists import services as list_services
from posthouse.tenants.quotas import allowances
from posthouse.webui.edge import downloads, forms, htmx, visit
from posthouse.webui.edge.access import needs, takes
from posthouse.webui.edge.rendering import form_again, page, page_or_part

blueprint = Blueprint("imports", __name__)
DELIMITERS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Pipe"}
ORDERS = {
    "unknown": "Refuse dates that can be read both ways",
    "day_first": "Day first (31/12/2026)",
    "month_first": "Month first (12/31/2026)",
}
OVERHEAD_BYTES = 1_000_000


@blueprint.get("/imports")
@needs(permissions.READ_CONTACTS)
def index() -> Response:
    """List the latest imports."""
    scope = visit.scope()
    with transaction(scope):
        values: dict[str, Any] = {"imports": queries.list_imports(scope), "lists": {one.id: one for one in lists.list_lists(scope)}}
    return page("imports/index.html", **values)


@blueprint.get("/imports/new")
@needs(permissions.IMPORT_CONTACTS)
def new() -> Response:
    """Show the upload form."""
    return page("imports/new.html", refusal=None, **_form_values())


def _form_values() -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        found = lists.list_lists(scope)
        kept = allowances.contacts(scope)
    usual = ids.encode("lst", found[0].id) if found else "new"
    return {"lists": found, "kept": kept, "chosen": request.args.get("list", usual), "most_bytes": MAX_FILE_BYTES}


@blueprint.post("/imports/new")
@needs(permissions.IMPORT_CONTACTS)
@takes(MAX_FILE_BYTES + OVERHEAD_BYTES)
def upload() -> Response:
    """Keep the file and go on to its preview."""
    scope = visit.scope()
    try:
        file = request.files.get("file")
        if file is None or not file.filename:
            raise Invalid("file_missing", "Choose a file first.", field="file")
        with transaction(scope):
            list_id = _list_for(request.form.get("list_id", ""))
            card = services.upload(scope, file=file.stream, file_name=file.filename, list_id=list_id)  # type: ignore[arg-type]
    except AppError as refusal:
        return form_again("imports/new.html", refusal, **_form_values())
    return redirect(url_for("imports.show", import_id=card.id), 303)


def _list_for(choice: str) -> int | None:
    """Return the chosen list, a new one where its name was given, None for contacts without a list."""
    name = forms.text("new_list").strip()
    if choice == "new":
        if not name:
            raise Invalid("list_name_malformed", "Give the new list a name.", field="new_list")
        return list_services.create_list(visit.scope(), name=name).id
    return forms.chosen_id("list_id", "lst", label="a list")


@blueprint.get("/imports/<pid('imp'):import_id>")
@needs(permissions.READ_CONTACTS)
def show(import_id: int) -> Response:
    """Show an import where it stands: what the file holds, how far it is, or what came of it."""
    scope = visit.scope()
    with transaction(scope):
        card = queries.get_import(scope, import_id)
        if card.state != "previewed":
            values: dict[str, Any] = {"item": card, "list": _list_name(card), "reasons": queries.count_refusals(scope, import_id)}
            live = card.state in {"queued", "running"}
        else:
            values, live = _preview_values(card), False
    if card.state == "previewed":
        return page("imports/map.html", refusal=None, **values)
    response = page_or_part("imports/show.html", "progress", live=live, **values)
    if htmx.is_partial() and not live:
        htmx.toast(response, "The import is over.", "success" if card.state == "done" else "warning")
    return response


def _list_name(card: queries.ImportCard) -> str | None:
    return None if card.list_id is None else lists.get_list(visit.scope(), card.list_id).name


def _preview_values(card: queries.ImportCard) -> dict[str, Any]:
    scope = visit.scope()
    return {
        "item": card,
        "list": _list_name(card),
        "seen": queries.preview(scope, card.id),
        "fields": contacts.list_fields(scope),
        "delimiters": DELIMITERS,
        "encodings": encoding.CHOICES,
        "orders": ORDERS,
        "kinds": [kind for kind in FieldKind if kind is not FieldKind.CHOICE],
    }


@blueprint.post("/imports/<pid('imp'):import_id>/reread")
@needs(permissions.IMPORT_CONTACTS)
def reread(import_id: int) -> Response:
    """Read the file again as the person says."""
    scope = visit.scope()
    wishes = Wishes(
        encoding=forms.text("encoding") or None,
        delimiter=_known(forms.text("delimiter"), delimiters.CHOICES),
        header=forms.text("header") == "yes",
    )
    try:
        with transaction(scope):
            services.reread(scope, import_id=import_id, wishes=wishes)
    except AppError as refusal:
        return _map_again(import_id, refusal)
    return redirect(url_for("imports.show", import_id=import_id), 303)


def _known(text: str, choices: tuple[str, ...]) -> str | None:
    return text if text in choices else None


@blueprint.post("/imports/<pid('imp'):import_id>/start")
@needs(permissions.IMPORT_CONTACTS)
def start(import_id: int) -> Response:
    """Start an import with the chosen mapping."""
    scope = visit.scope()
    try:
        targets, kinds = _mapping()
        with transaction(scope):
            services.start(scope, import_id=import_id, targets=targets, kinds=kinds, order=_order())
    except AppError as refusal:
        return _map_again(import_id, refusal)
    return redirect(url_for("imports.show", import_id=import_id), 303)


def _mapping() -> tuple[list[str], dict[str, FieldKind]]:
    """Return what each column becomes, and the kinds of new fields."""
    targets, kinds = request.form.getlist("target"), {}
    names, sorts = request.form.getlist("new_key"), request.form.getlist("new_kind")
    for place, target in enumerate(targets):
        if target != "new":
            continue
        key = names[place].strip() if place < len(names) else ""
        if not key:
            raise Invalid("mapping_new_field_unnamed", f"Give the new field for column {place + 1} a name.", field="mapping")
        targets[place] = key
        kinds[key] = _kind(sorts[place] if place < len(sorts) else "text")
    return targets, kinds


def _kind(text: str) -> FieldKind:
    try:
        return FieldKind(text)
    except ValueError:
        return FieldKind.TEXT


def _order() -> DateOrder:
    try:
        return DateOrder(forms.text("order"))
    except ValueError:
        return DateOrder.UNKNOWN


def _map_again(import_id: int, refusal: AppError) -> Response:
    scope = visit.scope()
    with transaction(scope):
        card = queries.get_import(scope, import_id)
        values = _preview_values(card) if card.state == "previewed" else None
    if values is None:
        flash(refusal.sentence, "warning")
        return redirect(url_for("imports.show", import_id=import_id), 303)
    return form_again("imports/map.html", refusal, **values)


@blueprint.post("/imports/<pid('imp'):import_id>/cancel")
@needs(permissions.IMPORT_CONTACTS)
def cancel(import_id: int) -> Response:
    """Stop an import."""
    scope = visit.scope()
    with transaction(scope):
        services.cancel(scope, import_id=import_id)
    flash("Stopped. What was imported before stays.", "info")
    return redirect(url_for("imports.show", import_id=import_id), 303)


@blueprint.get("/imports/<pid('imp'):import_id>/refused.csv")
@needs(permissions.READ_CONTACTS)
def refused(import_id: int) -> Response:
    """Send the refused rows with their reasons, ready to be mended and imported."""
    scope = visit.scope()
    with transaction(scope):
        file = downloads.csv_file(queries.refused_csv(scope, import_id))
    return downloads.send_csv(file, f"refused-{ids.encode('imp', import_id)}.csv")
