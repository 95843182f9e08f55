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

# What is folded and what waits to be (0003_audience); what was deleted leaves zeros.
_COUNTS_OF = sa.text(
    "SELECT c.state, sum(c.count)::bigint AS amount FROM (SELECT f.state, f.count FROM list_count f WHERE f.tenant_id = :tenant"
    " AND f.list_id = :list UNION ALL SELECT t.state, t.count FROM list_tally t WHERE t.tenant_id = :tenant AND t.list_id = :list) AS c"
    " GROUP BY 1 HAVING sum(c.count) <> 0"
)
_COUNTS = sa.text(
    "SELECT c.list_id, c.state, sum(c.count)::bigint AS amount FROM (SELECT f.list_id, f.state, f.count FROM list_count f"
    " WHERE f.tenant_id = :tenant UNION ALL SELECT t.list_id, t.state, t.count FROM list_tally t WHERE t.tenant_id = :tenant) AS c"
    " GROUP BY 1, 2 HAVING sum(c.count) <> 0"
)


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
    """Count a list's subscriptions by state. Reads no subscription."""
    require(scope, permissions.READ_LISTS)
    return {row.state: row.amount for row in session(scope).execute(_COUNTS_OF, {"tenant": scope.tenant, "list": list_id})}


def count_subscribed(scope: Scope) -> Mapping[int, int]:
    """Count the subscribed contacts of every list that has some, by list. Reads no subscription."""
    require(scope, permissions.READ_LISTS)
    found = session(scope).execute(_COUNTS, {"tenant": scope.tenant})
    return {row.list_id: row.amount for row in found if row.state == "subscribed"}


def sample_domains(scope: Scope, list_id: int, *, most: int) -> Mapping[str, int]:
    """Count the domains of up to `most` of a list's subscribed contacts: the mixture without reading a long list."""
    require(scope, permissions.READ_LISTS)
    some = (
        sa.select(Subscription.tenant_id, Subscription.contact_id)
        .where(Subscription.tenant_id == scope.tenant, Subscription.list_id == list_id, Subscription.state == "subscribed")
        .limit(most)
        .subquery()
    )
    # Looked up one by one, whatever the planner thinks of a tenant that came after its statistics.
    one = sa.select(Contact.domain).where(Contact.tenant_id == some.c.tenant_id, Contact.id == some.c.contact_id).limit(1).lateral()
    query = sa.select(one.c.domain, sa.func.count()).select_from(some.join(one, sa.true())).group_by(one.c.domain)
    return dict(session(scope).execute(query).all())


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
