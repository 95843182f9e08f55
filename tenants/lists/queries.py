"""Read lists and subscriptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.platform.db import session
from posthouse.platform.errors import missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants import permissions
from posthouse.tenants.contacts.models import Contact
from posthouse.tenants.lists.models import ContactList, Subscription


@dataclass(frozen=True, slots=True)
class ListCard:
    """One list."""

    id: int
    name: str
    description: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SubscriptionCard:
    """One contact's consent to one list; `consent` holds what the person did for it (when, from where), as far as it is known."""

    list_id: int
    list_name: str
    contact_id: int
    state: str
    source: str
    import_id: int | None
    consent: Mapping[str, object]
    created_at: datetime
    changed_at: datetime


def get_list(scope: Scope, list_id: int) -> ListCard:
    """Return one list. Raises: Missing."""
    require(scope, permissions.READ_LISTS)
    row = session(scope).get(ContactList, (scope.tenant, list_id))
    if row is None:
        raise missing("list")
    return list_card(row)


def list_lists(scope: Scope) -> tuple[ListCard, ...]:
    """List the tenant's lists by name."""
    require(scope, permissions.READ_LISTS)
    return tuple(map(list_card, session(scope).scalars(sa.select(ContactList).order_by(ContactList.name))))


def count_states(scope: Scope, list_id: int) -> Mapping[str, int]:
    """Count a list's subscriptions by state. Reads the list's part of an index: for the list's own page, not for each row of many."""
    require(scope, permissions.READ_LISTS)
    query = (
        sa.select(Subscription.state, sa.func.count())
        .where(Subscription.tenant_id == scope.tenant, Subscription.list_id == list_id)
        .group_by(Subscription.state)
    )
    return dict(session(scope).execute(query).all())


def count_subscribed(scope: Scope) -> Mapping[int, int]:
    """Count the subscribed contacts of every list, by list."""
    require(scope, permissions.READ_LISTS)
    query = (
        sa.select(Subscription.list_id, sa.func.count())
        .where(Subscription.tenant_id == scope.tenant, Subscription.state == "subscribed")
        .group_by(Subscription.list_id)
    )
    return dict(session(scope).execute(query).all())


def sample_domains(scope: Scope, list_id: int, *, most: int) -> Mapping[str, int]:
    """Count the domains of up to `most` of a list's subscribed contacts: the mixture without reading a long list."""
    require(scope, permissions.READ_LISTS)
    some = (
        sa.select(Subscription.contact_id)
        .where(Subscription.tenant_id == scope.tenant, Subscription.list_id == list_id, Subscription.state == "subscribed")
        .limit(most)
        .subquery()
    )
    query = sa.select(Contact.domain, sa.func.count()).join(some, Contact.id == some.c.contact_id).where(Contact.tenant_id == scope.tenant)
    return dict(session(scope).execute(query.group_by(Contact.domain)).all())


def subscriptions_of(scope: Scope, contact_id: int) -> tuple[SubscriptionCard, ...]:
    """List one contact's subscriptions by the lists' names."""
    require(scope, permissions.READ_CONTACTS)
    query = (
        sa.select(Subscription, ContactList.name)
        .join(ContactList, sa.and_(ContactList.tenant_id == Subscription.tenant_id, ContactList.id == Subscription.list_id))
        .where(Subscription.tenant_id == scope.tenant, Subscription.contact_id == contact_id)
        .order_by(ContactList.name)
    )
    return tuple(_card(row, name) for row, name in session(scope).execute(query))


def list_card(row: ContactList) -> ListCard:
    """Make the card of a list's row."""
    return ListCard(row.id, row.name, row.description, row.created_at)


def _card(row: Subscription, name: str) -> SubscriptionCard:
    return SubscriptionCard(
        row.list_id, name, row.contact_id, row.state, row.source, row.import_id, row.consent, row.created_at, row.changed_at
    )


def first_contact(scope: Scope, list_id: int) -> int | None:
    """Return the contact that was on a list first, as an example of them all; None for an empty list."""
    require(scope, permissions.READ_CONTACTS)
    query = sa.select(Subscription.contact_id).where(Subscription.tenant_id == scope.tenant, Subscription.list_id == list_id)
    return session(scope).scalars(query.order_by(Subscription.contact_id).limit(1)).one_or_none()
