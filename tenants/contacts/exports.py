"""Export contacts as a CSV file that is safe to open and comes back the same (rows 32 of the bad inputs, threat C6)."""

from __future__ import annotations

from collections.abc import Iterator

from posthouse.platform import audit
from posthouse.platform.events import emit
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants import permissions
from posthouse.tenants.contacts.queries import ContactCard, FieldCard, list_fields, walk_contacts
from posthouse.tenants.events import ContactsExported
from posthouse.tenants.imports.refused import write_csv


def export_csv(scope: Scope, *, list_id: int | None = None) -> Iterator[str]:
    """Give the contacts (of a list) as CSV text, piece by piece; the pieces are taken within the open transaction.

    A right of its own: it is audited, and owners hear of it by `ContactsExported`. Raises: Forbidden, at the call.
    """
    require(scope, permissions.EXPORT_CONTACTS)
    fields = list_fields(scope)
    audit.record(scope, verb="contacts.exported", subject="list" if list_id is not None else "contacts", subject_id=list_id)
    emit(scope, ContactsExported(list_id=list_id))
    header = ["email", *(field.key for field in fields)]
    return write_csv(header, (_row(card, fields) for card in walk_contacts(scope, list_id=list_id)))


def _row(card: ContactCard, fields: tuple[FieldCard, ...]) -> list[str]:
    return [card.email, *(_cell(card.fields.get(field.key)) for field in fields)]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
