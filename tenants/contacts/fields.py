"""Make, change and delete the fields that a tenant keeps of its contacts, and read values for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from posthouse.platform import audit, clock
from posthouse.platform.db import session
from posthouse.platform.errors import Conflict, Invalid, LimitReached, missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants import permissions
from posthouse.tenants.contacts import rules
from posthouse.tenants.contacts.models import ContactField
from posthouse.tenants.contacts.queries import FieldCard, field_card
from posthouse.tenants.contacts.rules import FieldKind

MAX_FIELDS = 200
MAX_LABEL_LETTERS = 100


def create_field(scope: Scope, *, key: str, label: str, kind: FieldKind, choices: Sequence[str] = ()) -> FieldCard:
    """Make a field. Raises: Invalid, Conflict where the key is taken, LimitReached."""
    require(scope, permissions.WRITE_FIELDS)
    if (refusal := rules.key_refusal(key)) is not None:
        raise Invalid(refusal.code, refusal.sentence, field="key")
    live = session(scope)
    taken = set(live.scalars(sa.select(ContactField.key)))
    if key in taken:
        raise Conflict("field_exists", f"There is already a field “{key}”.", field="key")
    if len(taken) >= MAX_FIELDS:
        raise LimitReached("fields_limit", f"At most {MAX_FIELDS} fields can be kept. Delete one that is not used.")
    row = ContactField(key=key, label=_label(label, key), kind=kind, choices=_choices(kind, choices), created_at=clock.now())
    live.add(row)
    live.flush()
    audit.record(scope, verb="field.created", subject="field", subject_id=row.id, key=key, kind=kind)
    return field_card(row)


def edit_field(scope: Scope, *, field_id: int, label: str, choices: Sequence[str] = ()) -> FieldCard:
    """Change a field's label and choices; its key and kind stay, for templates and values rest on them. Raises: Missing, Invalid."""
    require(scope, permissions.WRITE_FIELDS)
    row = _get(scope, field_id)
    row.label, row.choices = _label(label, row.key), _choices(FieldKind(row.kind), choices)
    session(scope).flush()
    audit.record(scope, verb="field.edited", subject="field", subject_id=row.id)
    return field_card(row)


def delete_field(scope: Scope, *, field_id: int) -> None:
    """Delete a field and its values in all contacts. Raises: Missing."""
    require(scope, permissions.WRITE_FIELDS)
    row = _get(scope, field_id)
    live = session(scope)
    live.execute(
        sa.text("UPDATE contact SET fields = fields - :key, updated_at = :now WHERE tenant_id = :tenant AND jsonb_exists(fields, :key)"),
        {"key": row.key, "now": clock.now(), "tenant": scope.tenant},
    )
    live.delete(row)
    live.flush()
    live.expire_all()
    audit.record(scope, verb="field.deleted", subject="field", subject_id=field_id, key=row.key)


def read_values(scope: Scope, given: Mapping[str, object]) -> dict[str, rules.Value | None]:
    """Read values for fields by key; None means that a value is taken away. Raises: Invalid, naming the field, also for an unknown one."""
    if not given:
        return {}
    known = {row.key: row for row in session(scope).scalars(sa.select(ContactField).where(ContactField.key.in_(list(given))))}
    found: dict[str, rules.Value | None] = {}
    for key, value in given.items():
        if key not in known:
            raise Invalid("field_unknown", f"There is no field “{key[:60]}”. Make it first.", field=key[:60])
        row = known[key]
        read = rules.parse_value(_as_text(key, value), kind=FieldKind(row.kind), choices=row.choices)
        if isinstance(read, rules.ValueRefused):
            raise Invalid(read.code, read.sentence, field=key)
        found[key] = read
    return found


def _as_text(key: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return value
    raise Invalid("value_malformed", "A field's value is a text, a number, or true or false.", field=key)


def _get(scope: Scope, field_id: int) -> ContactField:
    row = session(scope).get(ContactField, (scope.tenant, field_id))
    if row is None:
        raise missing("field")
    return row


def _label(label: str, key: str) -> str:
    read = rules.parse_value(label.strip() or key, kind=FieldKind.TEXT)
    if not isinstance(read, str) or len(read) > MAX_LABEL_LETTERS:
        raise Invalid("label_malformed", f"A label has at most {MAX_LABEL_LETTERS} characters and no control characters.", field="label")
    return read


def _choices(kind: FieldKind, choices: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(choice.strip() for choice in choices if choice.strip()))
    if kind is not FieldKind.CHOICE:
        return []
    if not found or len(found) > rules.MAX_CHOICES:
        raise Invalid("choices_malformed", f"A field of choices needs 1 to {rules.MAX_CHOICES} of them.", field="choices")
    if any(not isinstance(rules.parse_value(choice, kind=FieldKind.TEXT), str) for choice in found):
        raise Invalid("choices_malformed", "A choice is too long or contains a control character.", field="choices")
    return found
