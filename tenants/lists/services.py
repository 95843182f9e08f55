"""Make lists, subscribe and unsubscribe contacts: the only place that does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from posthouse.platform import audit, clock
from posthouse.platform.db import session
from posthouse.platform.errors import Conflict, Invalid, missing
from posthouse.platform.events import emit
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants import permissions
from posthouse.tenants.contacts.models import Contact
from posthouse.tenants.contacts.rules import FieldKind, parse_value
from posthouse.tenants.events import ContactSubscribed, ContactUnsubscribed
from posthouse.tenants.lists import rules
from posthouse.tenants.lists.models import ContactList, Subscription
from posthouse.tenants.lists.queries import ListCard, list_card
from posthouse.tenants.lists.rules import State
from posthouse.tenants.suppressions import services as suppressions
from posthouse.tenants.suppressions.models import Suppression
from posthouse.tenants.suppressions.rules import Reason, SuppressionReach

MAX_NAME_LETTERS = 120
_IDS = ARRAY(sa.BigInteger)


def create_list(scope: Scope, *, name: str, description: str = "") -> ListCard:
    """Make a list. Raises: Invalid, Conflict where the name is taken."""
    require(scope, permissions.WRITE_LISTS)
    row = ContactList(name=_name(name), description=_description(description), created_at=clock.now())
    _refuse_taken(scope, row.name, None)
    session(scope).add(row)
    session(scope).flush()
    audit.record(scope, verb="list.created", subject="list", subject_id=row.id)
    return list_card(row)


def edit_list(scope: Scope, *, list_id: int, name: str, description: str = "") -> ListCard:
    """Change a list's name and description. Raises: Missing, Invalid, Conflict where the name is taken."""
    require(scope, permissions.WRITE_LISTS)
    row = _get(scope, list_id)
    _refuse_taken(scope, _name(name), list_id)
    row.name, row.description = _name(name), _description(description)
    session(scope).flush()
    audit.record(scope, verb="list.edited", subject="list", subject_id=row.id)
    return list_card(row)


def delete_list(scope: Scope, *, list_id: int) -> None:
    """Delete a list with its subscriptions; contacts stay. Raises: Missing."""
    require(scope, permissions.WRITE_LISTS)
    session(scope).delete(_get(scope, list_id))
    session(scope).flush()
    audit.record(scope, verb="list.deleted", subject="list", subject_id=list_id)


def subscribe(
    scope: Scope, *, contact_id: int, list_id: int, source: str, state: str = State.SUBSCRIBED, consent: Mapping[str, object] | None = None
) -> str:
    """Subscribe a contact to a list; may be repeated. Returns the state it has then.

    `state` is subscribed, or unconfirmed until the person confirms. Somebody who unsubscribed, bounced or complained is brought back only by
    their own act (sources confirmation, form, preferences). Raises: Missing, Conflict.
    """
    require(scope, permissions.WRITE_SUBSCRIPTIONS)
    _get(scope, list_id)
    contact = _contact(scope, contact_id)
    live = session(scope)
    row = live.get(Subscription, (scope.tenant, list_id, contact_id), with_for_update=True)
    if not rules.may_subscribe(row.state if row is not None else None, source=source):
        raise Conflict("contact_unsubscribed", "This person ended the subscription. Only they can start it again.", contact_id=contact_id)
    if row is not None and row.state == State.SUBSCRIBED:
        return row.state
    now = clock.now()
    values = {"state": State(state), "source": source, "consent": dict(consent or {}), "changed_at": now}
    key = {"tenant_id": scope.tenant, "list_id": list_id, "contact_id": contact_id}
    statement = insert(Subscription).values(**key, **values, created_at=now)
    live.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))
    live.expire_all()
    if source in rules.OWN_ACTS and state == State.SUBSCRIBED:
        suppressions.lift_unsubscribe(scope, email_norm=contact.email_norm, list_id=list_id)
    if state == State.SUBSCRIBED:
        emit(scope, ContactSubscribed(contact_id=contact_id, list_id=list_id))
    return state


def confirm(scope: Scope, *, contact_id: int, list_id: int, consent: Mapping[str, object] | None = None) -> str:
    """Record that the person confirmed a subscription by their own act; may be repeated. Raises: Missing."""
    return subscribe(scope, contact_id=contact_id, list_id=list_id, source="confirmation", consent=consent)


def unsubscribe(scope: Scope, *, contact_id: int, list_id: int | None, source: str = "link", message_id: int | None = None) -> None:
    """End a contact's subscription to a list, or to all marketing where `list_id` is None; may be repeated.

    A suppression of the same reach stays behind, so that deleting and importing the contact again changes nothing. Raises: Missing.
    """
    require(scope, permissions.WRITE_SUBSCRIPTIONS)
    contact = _contact(scope, contact_id)
    if list_id is not None:
        _get(scope, list_id)
    reach = SuppressionReach.STREAM if list_id is None else SuppressionReach.LIST
    suppressions.suppress(
        scope,
        email=contact.email_norm,
        reason=Reason.UNSUBSCRIBE,
        source=source,
        reach=reach,
        list_id=list_id,
        stream="marketing" if list_id is None else None,
        message_id=message_id,
    )
    if _end(scope, [contact_id], list_id, State.UNSUBSCRIBED, source):
        emit(scope, ContactUnsubscribed(contact_id=contact_id, list_id=list_id, message_id=message_id))


def _end(scope: Scope, contact_ids: Sequence[int], list_id: int | None, state: State, source: str) -> bool:
    """Bring live subscriptions (of one list, or all) to a state that forbids mail; say whether there was one."""
    statement = (
        sa.update(Subscription)
        .where(Subscription.tenant_id == scope.tenant, Subscription.contact_id == sa.any_(sa.literal(list(contact_ids), _IDS)))
        .where(Subscription.state.in_([State.SUBSCRIBED, State.UNCONFIRMED]))
        .values(state=state, source=source, changed_at=clock.now())
        .returning(Subscription.list_id)
        .execution_options(synchronize_session=False)
    )
    if list_id is not None:
        statement = statement.where(Subscription.list_id == list_id)
    ended = session(scope).execute(statement).all()
    session(scope).expire_all()
    return bool(ended)


def mark_suppressed(scope: Scope, *suppression_ids: int) -> None:
    """Show suppressions of the whole tenant in the contacts' subscriptions; may be repeated. Does nothing for narrower or manual ones."""
    of_tenant = (Suppression.tenant_id == scope.tenant, Suppression.id == sa.any_(sa.literal(list(suppression_ids), _IDS)))
    rows = session(scope).execute(
        sa.select(Contact.id, Suppression.reason, Suppression.source)
        .join(Contact, sa.and_(Contact.tenant_id == Suppression.tenant_id, Contact.email_norm == Suppression.address))
        .where(*of_tenant, Suppression.reach == SuppressionReach.TENANT, Suppression.reason.in_(list(rules.STATE_BY_REASON)))
        .order_by(Contact.id, Suppression.id)
    )
    first = {contact_id: (rules.STATE_BY_REASON[reason], source) for contact_id, reason, source in reversed(rows.all())}
    for state, source in dict.fromkeys(first.values()):
        _end(scope, [one for one, told in first.items() if told == (state, source)], None, state, source)


def _get(scope: Scope, list_id: int) -> ContactList:
    row = session(scope).get(ContactList, (scope.tenant, list_id))
    if row is None:
        raise missing("list")
    return row


def _contact(scope: Scope, contact_id: int) -> Contact:
    row = session(scope).get(Contact, (scope.tenant, contact_id))
    if row is None:
        raise missing("contact")
    return row


def _refuse_taken(scope: Scope, name: str, list_id: int | None) -> None:
    other = session(scope).scalars(sa.select(ContactList.id).where(ContactList.name == name)).one_or_none()
    if other is not None and other != list_id:
        raise Conflict("list_exists", f"There is already a list “{name}”.", field="name")


def _name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > MAX_NAME_LETTERS or not name.isprintable():
        raise Invalid("list_name_malformed", f"A list's name has 1 to {MAX_NAME_LETTERS} characters in one line.", field="name")
    return name


def _description(description: str) -> str:
    read = parse_value(description, kind=FieldKind.TEXT)
    if read is not None and not isinstance(read, str):
        raise Invalid("list_description_malformed", "The description is too long or contains a control character.", field="description")
    return read or ""
