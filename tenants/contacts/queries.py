"""Read contacts and their fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from posthouse.platform.db import session
from posthouse.platform.errors import missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants import permissions
from posthouse.tenants.contacts import addresses
from posthouse.tenants.contacts.models import Contact, ContactField
from posthouse.tenants.contacts.rules import FieldKind, Value
from posthouse.tenants.lists.models import Subscription
from posthouse.tenants.quotas import allowances

MAX_PAGE = 500
_LAST_LETTER = "\U0010ffff"
_FEW = 10_000  # subscriptions, up to which the list's contacts are fetched and sorted rather than met in the order of addresses


@dataclass(frozen=True, slots=True)
class FieldCard:
    """One attribute that the tenant keeps; `key` is how templates name it."""

    id: int
    key: str
    label: str
    kind: FieldKind
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContactCard:
    """One contact. `source` names how it came: import, api, page or form."""

    id: int
    email: str
    email_norm: str
    domain: str
    smtputf8: bool
    fields: Mapping[str, Value]
    source: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ContactPage:
    """Contacts in the order of their addresses; `after` goes on, None at the end."""

    cards: tuple[ContactCard, ...]
    after: str | None


def get_contact(scope: Scope, contact_id: int) -> ContactCard:
    """Return one contact. Raises: Missing."""
    require(scope, permissions.READ_CONTACTS)
    row = session(scope).get(Contact, (scope.tenant, contact_id))
    if row is None:
        raise missing("contact")
    return _card(row)


def find_contact(scope: Scope, *, email: str) -> ContactCard | None:
    """Return the contact with an address, however it is written; None where there is none, or the text is no address."""
    require(scope, permissions.READ_CONTACTS)
    found = addresses.parse(email, allow_reserved=True)
    if isinstance(found, addresses.AddressRefused):
        return None
    row = session(scope).scalars(sa.select(Contact).where(Contact.email_norm == found.norm)).one_or_none()
    return None if row is None else _card(row)


def list_contacts(
    scope: Scope, *, prefix: str = "", list_id: int | None = None, state: str | None = None, after: str | None = None, limit: int = 50
) -> ContactPage:
    """Page through contacts by address. `prefix` narrows to addresses that begin so, `list_id` and `state` to subscriptions of one list."""
    require(scope, permissions.READ_CONTACTS)
    limit = max(1, min(limit, MAX_PAGE))
    who, query = (Contact, sa.select(Contact)) if list_id is None else _of_list(scope, list_id, state)
    if prefix:
        low = prefix.strip().lower()
        query = query.where(who.email_norm >= low, who.email_norm < low + _LAST_LETTER)
    if after is not None:
        query = query.where(who.email_norm > after)
    query = query.order_by(who.email_norm).limit(limit + 1)
    rows = session(scope).scalars(query).all()
    return ContactPage(tuple(map(_card, rows[:limit])), rows[limit - 1].email_norm if len(rows) > limit else None)


def _of_list(scope: Scope, list_id: int, state: str | None) -> tuple[type[Contact], sa.Select[Contact]]:
    """Select a list's contacts, looked up one by one in either direction; returns what to filter and sort by, and the query.

    The way is chosen here and not by the planner, which expects one row of a tenant that came after its statistics: a small list is
    gone through whole, a large one is asked of each contact in the order of addresses, of which a page needs only the first.
    """
    mine = [Subscription.tenant_id == scope.tenant, Subscription.list_id == list_id]
    mine += [] if state is None else [Subscription.state == state]
    some = sa.select(Subscription.contact_id).where(*mine).limit(_FEW + 1).subquery()
    if (session(scope).scalar(sa.select(sa.func.count()).select_from(some)) or 0) > _FEW:
        asked = sa.select(sa.literal(1)).where(*mine, Subscription.contact_id == Contact.id).correlate(Contact).limit(1).lateral()
        return Contact, sa.select(Contact).join(asked, sa.true())
    members = sa.select(Subscription.tenant_id, Subscription.contact_id).where(*mine).offset(0).subquery()
    known = sa.select(Contact).where(Contact.tenant_id == members.c.tenant_id, Contact.id == members.c.contact_id).limit(1).lateral()
    who = aliased(Contact, known)
    return who, sa.select(who).select_from(members.join(known, sa.true()))


def walk_contacts(scope: Scope, *, list_id: int | None = None) -> Iterator[ContactCard]:
    """Give every contact (of a list) in the order of addresses, page by page in the open transaction."""
    after: str | None = None
    while True:
        page = list_contacts(scope, list_id=list_id, after=after, limit=MAX_PAGE)
        session(scope).expunge_all()
        yield from page.cards
        if page.after is None:
            return
        after = page.after


def count_contacts(scope: Scope) -> int:
    """Say how many contacts the tenant has, from its meter."""
    require(scope, permissions.READ_CONTACTS)
    return allowances.stored_contacts(scope)


def list_fields(scope: Scope) -> tuple[FieldCard, ...]:
    """List the tenant's fields in the order in which they were made."""
    require(scope, permissions.READ_CONTACTS)
    return tuple(field_card(row) for row in session(scope).scalars(sa.select(ContactField).order_by(ContactField.id)))


def field_card(row: ContactField) -> FieldCard:
    """Make the card of a field's row."""
    return FieldCard(row.id, row.key, row.label, FieldKind(row.kind), tuple(row.choices))


def cards_of(rows: Sequence[Contact]) -> tuple[ContactCard, ...]:
    """Make the cards of contacts' rows."""
    return tuple(map(_card, rows))


def _card(row: Contact) -> ContactCard:
    fields: dict[str, Value] = dict(row.fields)  # type: ignore[arg-type]  # written by services through the fields' rules
    return ContactCard(row.id, row.email, row.email_norm, row.domain, row.smtputf8, fields, row.source, row.created_at, row.updated_at)
