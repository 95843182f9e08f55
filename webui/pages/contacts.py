"""Contacts: search, one contact, make, change, delete, erase, export."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.inbound.permissions import READ_INBOUND
from posthouse.inbound.threads import queries as threads
from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.platform.permissions import holds
from posthouse.platform.scope import Scope
from posthouse.sending.messages import queries as messages
from posthouse.sending.permissions import READ_MESSAGES
from posthouse.sending.softbounces import queries as softbounces
from posthouse.tenants import permissions
from posthouse.tenants.contacts import exports, queries, services
from posthouse.tenants.contacts.queries import ContactCard, FieldCard
from posthouse.tenants.contacts.rules import FieldKind
from posthouse.tenants.lists import queries as lists
from posthouse.tenants.lists import services as list_services
from posthouse.tenants.suppressions import queries as suppressions
from posthouse.webui.edge import downloads, forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page, page_or_part

blueprint = Blueprint("contacts", __name__)
MESSAGES_SHOWN = 10


@blueprint.get("/contacts")
@needs(permissions.READ_CONTACTS)
def index() -> Response:
    """List contacts by address."""
    scope = visit.scope()
    prefix, after = request.args.get("q", "").strip()[:320], request.args.get("after")
    with transaction(scope):
        found = queries.list_contacts(scope, prefix=prefix, after=after)
        values: dict[str, Any] = {
            "page": found,
            "fields": queries.list_fields(scope)[:3],
            "total": None if prefix or after else queries.count_contacts(scope),
        }
    return page_or_part("contacts/index.html", "rows", q=prefix, **values)


@blueprint.get("/contacts/new")
@needs(permissions.WRITE_CONTACTS)
def new() -> Response:
    """Show the form for a new contact."""
    return page("contacts/form.html", refusal=None, contact=None, **_form_values())


def _form_values() -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        return {"fields": queries.list_fields(scope), "lists": lists.list_lists(scope), "typed": request.form}


@blueprint.post("/contacts/new")
@needs(permissions.WRITE_CONTACTS)
def create() -> Response:
    """Make a contact, and subscribe it to the chosen list."""
    scope = visit.scope()
    try:
        list_id = forms.chosen_id("list_id", "lst", label="a list")
        with transaction(scope):
            card = services.create(scope, email=forms.text("email"), values=_values(queries.list_fields(scope)), source="page")
            if list_id is not None:
                list_services.subscribe(scope, contact_id=card.id, list_id=list_id, source="page")
    except AppError as refusal:
        return form_again("contacts/form.html", refusal, contact=None, **_form_values())
    flash(f"{card.email} is a contact now.", "success")
    return redirect(url_for("contacts.show", contact_id=card.id), 303)


def _values(fields: tuple[FieldCard, ...]) -> dict[str, Any]:
    return {field.key: forms.text(f"f_{field.key}") or None for field in fields if f"f_{field.key}" in request.form}


@blueprint.get("/contacts/<pid('con'):contact_id>")
@needs(permissions.READ_CONTACTS)
def show(contact_id: int) -> Response:
    """Show one contact with its subscriptions and suppressions."""
    return page("contacts/show.html", refusal=None, **_contact(contact_id))


def _contact(contact_id: int) -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        card = queries.get_contact(scope, contact_id)
        return {
            "contact": card,
            "fields": queries.list_fields(scope),
            "subscriptions": lists.subscriptions_of(scope, contact_id),
            "lists": lists.list_lists(scope),
            "suppressions": suppressions.suppressions_of(scope, card.email_norm),
            **_mail(scope, card),
        }


def _mail(scope: Scope, card: ContactCard) -> dict[str, Any]:
    """What was sent to a contact, what came back of it, and what they answered; as far as the person may see that."""
    values: dict[str, Any] = {"messages": [], "answers": (), "soft": 0, "policy": None}
    if holds(scope, READ_MESSAGES):
        values["messages"] = messages.list_messages(scope, contact_id=card.id, limit=MESSAGES_SHOWN)
        values["soft"] = softbounces.count(scope, email_norm=card.email_norm)
        values["policy"] = softbounces.policy(scope)
    if holds(scope, READ_INBOUND):
        values["answers"] = threads.list_threads(scope, contact_id=card.id, limit=MESSAGES_SHOWN).cards
    return values


@blueprint.get("/contacts/<pid('con'):contact_id>/edit")
@needs(permissions.WRITE_CONTACTS)
def edit(contact_id: int) -> Response:
    """Show the form for changing a contact."""
    return page("contacts/form.html", refusal=None, contact=_card(contact_id), **_form_values())


def _card(contact_id: int) -> ContactCard:
    scope = visit.scope()
    with transaction(scope):
        return queries.get_contact(scope, contact_id)


@blueprint.post("/contacts/<pid('con'):contact_id>/edit")
@needs(permissions.WRITE_CONTACTS)
def save(contact_id: int) -> Response:
    """Change a contact."""
    scope = visit.scope()
    try:
        with transaction(scope):
            services.edit(scope, contact_id=contact_id, email=forms.text("email"), values=_values(queries.list_fields(scope)))
    except AppError as refusal:
        return form_again("contacts/form.html", refusal, contact=_card(contact_id), **_form_values())
    flash("Saved.", "success")
    return redirect(url_for("contacts.show", contact_id=contact_id), 303)


@blueprint.post("/contacts/<pid('con'):contact_id>/subscribe")
@needs(permissions.WRITE_SUBSCRIPTIONS)
def subscribe(contact_id: int) -> Response:
    """Subscribe a contact to a list."""
    scope = visit.scope()
    try:
        list_id = forms.chosen_id("list_id", "lst", label="a list")
        with transaction(scope):
            list_services.subscribe(scope, contact_id=contact_id, list_id=list_id or 0, source="page")
    except AppError as refusal:
        return form_again("contacts/show.html", refusal, **_contact(contact_id))
    flash("Subscribed.", "success")
    return redirect(url_for("contacts.show", contact_id=contact_id), 303)


@blueprint.post("/contacts/<pid('con'):contact_id>/unsubscribe")
@needs(permissions.WRITE_SUBSCRIPTIONS)
def unsubscribe(contact_id: int) -> Response:
    """End a contact's subscription to one list, or to all."""
    scope = visit.scope()
    list_id = forms.chosen_id("list_id", "lst", label="a list")
    with transaction(scope):
        list_services.unsubscribe(scope, contact_id=contact_id, list_id=list_id, source="page")
    flash("Unsubscribed. This address gets no more mail of this kind.", "success")
    return redirect(url_for("contacts.show", contact_id=contact_id), 303)


@blueprint.post("/contacts/<pid('con'):contact_id>/delete")
@needs(permissions.DELETE_CONTACTS)
def delete(contact_id: int) -> Response:
    """Delete a contact; suppressions stay."""
    scope = visit.scope()
    with transaction(scope):
        services.delete(scope, contact_id=contact_id)
    flash("The contact is deleted. If it had unsubscribed, that is still respected.", "success")
    return redirect("/contacts", 303)


@blueprint.post("/contacts/<pid('con'):contact_id>/erase")
@needs(permissions.DELETE_CONTACTS)
def erase(contact_id: int) -> Response:
    """Forget a person."""
    scope = visit.scope()
    with transaction(scope):
        services.erase(scope, contact_id=contact_id)
    flash("The person's data is erased. Their address can't be written to again.", "success")
    return redirect("/contacts", 303)


@blueprint.post("/contacts/export")
@needs(permissions.EXPORT_CONTACTS)
def export() -> Response:
    """Send all contacts, or those of a list, as CSV. A POST, since it leaves a trace in the audit."""
    scope = visit.scope()
    list_id = forms.chosen_id("list_id", "lst", label="a list")
    with transaction(scope):
        if list_id is not None:
            lists.get_list(scope, list_id)
        file = downloads.csv_file(exports.export_csv(scope, list_id=list_id))
    return downloads.send_csv(file, f"contacts-{ids.encode('lst', list_id)}.csv" if list_id else "contacts.csv")


KINDS = tuple(FieldKind)
