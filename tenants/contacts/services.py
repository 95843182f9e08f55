"""Create, change, delete and erase contacts: the only place that does (files of them go through imports)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert, insert

from posthouse.platform import audit, clock
from posthouse.platform.app import settings
from posthouse.platform.db import session
from posthouse.platform.errors import Conflict, Invalid, missing
from posthouse.platform.events import emit
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants import permissions
from posthouse.tenants.contacts import addresses, erasure, fields
from posthouse.tenants.contacts.models import Contact
from posthouse.tenants.contacts.queries import ContactCard, get_contact
from posthouse.tenants.contacts.rules import Value
from posthouse.tenants.events import ContactErased
from posthouse.tenants.quotas import allowances
from posthouse.tenants.suppressions import services as suppressions


@dataclass(frozen=True, slots=True)
class Upserted:
    """A contact after `upsert`, and whether it was new."""

    card: ContactCard
    created: bool


def create(scope: Scope, *, email: str, values: Mapping[str, object] | None = None, source: str) -> ContactCard:
    """Make a contact. Raises: Invalid naming the field, Conflict where the address is there already, LimitReached."""
    require(scope, permissions.WRITE_CONTACTS)
    address = _read_address(email)
    given = fields.read_values(scope, values or {})
    _check_room(scope, address.norm)
    statement = _insert(scope, address, given, source)
    made = session(scope).execute(statement.on_conflict_do_nothing(index_elements=_KEY).returning(Contact.id)).scalar_one_or_none()
    if made is None:
        raise Conflict("contact_exists", "There is already a contact with this address.", email=address.norm)
    _record_created(scope, made, source)
    return get_contact(scope, made)


def upsert(scope: Scope, *, email: str, values: Mapping[str, object] | None = None, source: str) -> Upserted:
    """Make a contact, or change the given fields of the one with this address; two at once make one, and it may be repeated.

    A value of None takes it away. Raises: Invalid naming the field, LimitReached for a new one above the plan's allowance.
    """
    require(scope, permissions.WRITE_CONTACTS)
    given = fields.read_values(scope, values or {})
    address = _read_address(email)
    _check_room(scope, address.norm)
    statement = _insert(scope, address, given, source)
    cleared = sa.cast([key for key, value in given.items() if value is None], sa.ARRAY(sa.Text))
    merged = Contact.fields.op("-")(cleared).op("||")(statement.excluded.fields)
    done = statement.on_conflict_do_update(index_elements=_KEY, set_={"fields": merged, "updated_at": statement.excluded.updated_at})
    live = session(scope)
    contact_id, created = live.execute(done.returning(Contact.id, sa.literal_column("(contact.xmax = 0)", sa.Boolean))).one()
    live.expire_all()
    if created:
        _record_created(scope, contact_id, source)
    return Upserted(get_contact(scope, contact_id), created=bool(created))


_KEY = ("tenant_id", "email_norm")


def _check_room(scope: Scope, norm: str) -> None:
    """Let nothing new in where the allowance is used up; who is there already may always be changed."""
    if allowances.lock_room(scope) != 0:
        return
    if session(scope).scalar(sa.select(Contact.id).where(Contact.email_norm == norm)) is None:
        raise allowances.refusal(allowances.allowed_contacts(scope))


def _insert(scope: Scope, address: addresses.Address, given: Mapping[str, Value | None], source: str) -> Insert:
    now = clock.now()
    return insert(Contact).values(
        tenant_id=scope.tenant,
        email=address.email,
        email_norm=address.norm,
        domain=address.domain,
        smtputf8=address.smtputf8,
        fields={key: value for key, value in given.items() if value is not None},
        source=source,
        created_at=now,
        updated_at=now,
    )


def _record_created(scope: Scope, contact_id: int, source: str) -> None:
    audit.record(scope, verb="contact.created", subject="contact", subject_id=contact_id, source=source)


def edit(scope: Scope, *, contact_id: int, email: str | None = None, values: Mapping[str, object] | None = None) -> ContactCard:
    """Change a contact's address (None keeps it) and the given fields; a value of None takes it away.

    Raises: Missing, Invalid, Conflict where another contact has the address.
    """
    require(scope, permissions.WRITE_CONTACTS)
    live = session(scope)
    row = _get(scope, contact_id)
    given = fields.read_values(scope, values or {})
    if email is not None:
        _move(scope, row, _read_address(email))
    merged: dict[str, Value | None] = {**row.fields, **given}  # type: ignore[dict-item]  # values by the fields' rules
    row.fields = {key: value for key, value in merged.items() if value is not None}
    row.updated_at = clock.now()
    live.flush()
    audit.record(
        scope, verb="contact.edited", subject="contact", subject_id=row.id, fields=sorted(given), address_changed=email is not None
    )
    return get_contact(scope, contact_id)


def _move(scope: Scope, row: Contact, address: addresses.Address) -> None:
    other = session(scope).scalars(sa.select(Contact.id).where(Contact.email_norm == address.norm, Contact.id != row.id)).first()
    if other is not None:
        raise Conflict("contact_exists", "There is already a contact with this address.", contact_id=other)
    row.email, row.email_norm, row.domain, row.smtputf8 = address.email, address.norm, address.domain, address.smtputf8


def delete(scope: Scope, *, contact_id: int) -> None:
    """Delete a contact with its subscriptions. Suppressions of its address stay, so that coming back changes nothing. Raises: Missing."""
    require(scope, permissions.DELETE_CONTACTS)
    allowances.lock_room(scope)  # before the contact, as everybody does: two never wait for each other
    row = _get(scope, contact_id)
    session(scope).delete(row)
    session(scope).flush()
    audit.record(scope, verb="contact.deleted", subject="contact", subject_id=contact_id)


def erase(scope: Scope, *, contact_id: int) -> None:
    """Forget a person: the contact goes, and of the address only a keyed hash stays, by which it is never written to again.

    Other rooms hear of it by `ContactErased` and forget their part. Raises: Missing.
    """
    require(scope, permissions.DELETE_CONTACTS)
    allowances.lock_room(scope)
    row = _get(scope, contact_id)
    sealed = erasure.seal(scope, contact_id, (row.email, row.email_norm))
    suppressions.erase(scope, email_norm=row.email_norm)
    _forget_refusals(scope, row.email_norm)
    session(scope).delete(row)
    session(scope).flush()
    emit(scope, ContactErased(contact_id=contact_id, sealed=sealed))
    audit.record(scope, verb="contact.erased", subject="contact", subject_id=contact_id)


def _forget_refusals(scope: Scope, email_norm: str) -> None:
    """Blank the refused rows that hold the address, however it is written there; their reasons and counts stay."""
    session(scope).execute(
        sa.text("UPDATE import_refusal SET cells = '[]' WHERE tenant_id = :tenant AND position(:address IN lower(cells::text)) > 0"),
        {"tenant": scope.tenant, "address": email_norm},
    )


def _get(scope: Scope, contact_id: int) -> Contact:
    row = session(scope).get(Contact, (scope.tenant, contact_id))
    if row is None:
        raise missing("contact")
    return row


def _read_address(email: str) -> addresses.Address:
    found = addresses.parse(email, allow_reserved=settings().allow_reserved_domains)
    if isinstance(found, addresses.AddressRefused):
        raise Invalid(found.code, found.sentence, field="email")
    return found
