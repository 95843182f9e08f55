"""Contacts and lists for programs."""

from __future__ import annotations

from typing import Any

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.tenants import permissions
from posthouse.tenants.contacts import queries, services
from posthouse.tenants.lists import queries as list_queries
from posthouse.tenants.lists import services as lists
from posthouse.webui.api import cursors
from posthouse.webui.api.edge import blueprint, number
from posthouse.webui.api.models import (
    Contact,
    ContactChange,
    Contacts,
    ContactsQuery,
    List,
    Lists,
    ListState,
    NewContact,
    NewList,
    Subscription,
)
from posthouse.webui.api.once import once
from posthouse.webui.api.spec import answers, api
from posthouse.webui.edge import visit
from posthouse.webui.edge.access import needs


def _contact(card: queries.ContactCard) -> Contact:
    return Contact(
        id=ids.encode("con", card.id),
        email=card.email,
        fields=dict(card.fields),
        source=card.source,
        created_at=card.created_at,
        updated_at=card.updated_at,
    )


@blueprint.get("/contacts")
@needs(permissions.READ_CONTACTS)
@api.validate(resp=answers(Contacts), tags=["Contacts"], operation_id="listContacts")
def list_contacts(query: ContactsQuery) -> Any:
    """List contacts in the order of their addresses."""
    scope = visit.scope()
    list_id = number("lst", query.list_id, field="list_id")
    after = cursors.read("contacts", query.cursor)
    with transaction(scope):
        page = queries.list_contacts(scope, prefix=query.email or "", list_id=list_id, after=after, limit=query.limit)
    cursor = cursors.make("contacts", page.after) if page.after is not None else None
    return Contacts(data=[_contact(card) for card in page.cards], next_cursor=cursor)


@blueprint.post("/contacts")
@needs(permissions.WRITE_CONTACTS)
@api.validate(resp=answers(Contact, 201), tags=["Contacts"], operation_id="createContact")
def create_contact(json: NewContact) -> Any:
    """Make a contact and subscribe it to lists. 409 when the address is there already."""
    scope = visit.scope()

    def act() -> tuple[Contact, int]:
        card = services.create(scope, email=json.email, values=json.fields, source="api")
        for text in json.list_ids:
            lists.subscribe(scope, contact_id=card.id, list_id=number("lst", text, field="list_ids") or 0, source="api")
        return _contact(card), 201

    return once(scope, act)


@blueprint.get("/contacts/<pid('con'):contact_id>")
@needs(permissions.READ_CONTACTS)
@api.validate(resp=answers(Contact), tags=["Contacts"], operation_id="getContact")
def get_contact(contact_id: int) -> Any:
    """Return one contact."""
    scope = visit.scope()
    with transaction(scope):
        return _contact(queries.get_contact(scope, contact_id))


@blueprint.patch("/contacts/<pid('con'):contact_id>")
@needs(permissions.WRITE_CONTACTS)
@api.validate(resp=answers(Contact), tags=["Contacts"], operation_id="changeContact")
def change_contact(contact_id: int, json: ContactChange) -> Any:
    """Change a contact; what is left out stays."""
    scope = visit.scope()
    with transaction(scope):
        return _contact(services.edit(scope, contact_id=contact_id, email=json.email, values=json.fields))


@blueprint.delete("/contacts/<pid('con'):contact_id>")
@needs(permissions.DELETE_CONTACTS)
@api.validate(resp=answers(None, 204), tags=["Contacts"], operation_id="deleteContact")
def delete_contact(contact_id: int) -> Any:
    """Delete a contact. That it unsubscribed or bounced is remembered."""
    scope = visit.scope()
    with transaction(scope):
        services.delete(scope, contact_id=contact_id)
    return "", 204


def _list(card: list_queries.ListCard) -> List:
    return List(id=ids.encode("lst", card.id), name=card.name, description=card.description, created_at=card.created_at)


@blueprint.get("/lists")
@needs(permissions.READ_LISTS)
@api.validate(resp=answers(Lists), tags=["Lists"], operation_id="listLists")
def list_lists() -> Any:
    """List the lists by name."""
    scope = visit.scope()
    with transaction(scope):
        return Lists(data=[_list(card) for card in list_queries.list_lists(scope)])


@blueprint.post("/lists")
@needs(permissions.WRITE_LISTS)
@api.validate(resp=answers(List, 201), tags=["Lists"], operation_id="createList")
def create_list(json: NewList) -> Any:
    """Make a list."""
    scope = visit.scope()
    return once(scope, lambda: (_list(lists.create_list(scope, name=json.name, description=json.description)), 201))


@blueprint.get("/lists/<pid('lst'):list_id>")
@needs(permissions.READ_LISTS)
@api.validate(resp=answers(ListState), tags=["Lists"], operation_id="getList")
def get_list(list_id: int) -> Any:
    """Return a list with its subscriptions by state."""
    scope = visit.scope()
    with transaction(scope):
        card, states = list_queries.get_list(scope, list_id), list_queries.count_states(scope, list_id)
    return ListState(**_list(card).model_dump(), subscriptions=dict(states))


@blueprint.put("/lists/<pid('lst'):list_id>/contacts/<pid('con'):contact_id>")
@needs(permissions.WRITE_SUBSCRIPTIONS)
@api.validate(resp=answers(Subscription), tags=["Lists"], operation_id="subscribe")
def subscribe(list_id: int, contact_id: int) -> Any:
    """Subscribe a contact. Who unsubscribed or complained is brought back only by their own act: 409."""
    scope = visit.scope()
    with transaction(scope):
        state = lists.subscribe(scope, contact_id=contact_id, list_id=list_id, source="api")
    return Subscription(contact_id=ids.encode("con", contact_id), list_id=ids.encode("lst", list_id), state=state)


@blueprint.delete("/lists/<pid('lst'):list_id>/contacts/<pid('con'):contact_id>")
@needs(permissions.WRITE_SUBSCRIPTIONS)
@api.validate(resp=answers(None, 204), tags=["Lists"], operation_id="unsubscribe")
def unsubscribe(list_id: int, contact_id: int) -> Any:
    """Unsubscribe a contact; may be repeated."""
    scope = visit.scope()
    with transaction(scope):
        lists.unsubscribe(scope, contact_id=contact_id, list_id=list_id, source="api")
    return "", 204
