"""Take files of contacts, let a person say how to read them, and start and stop their import: the only place that does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import BinaryIO

from posthouse.platform import audit, clock
from posthouse.platform.app import settings
from posthouse.platform.db import session
from posthouse.platform.errors import Conflict, Invalid, missing
from posthouse.platform.jobs import enqueue
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants import permissions
from posthouse.tenants.contacts import fields
from posthouse.tenants.contacts.queries import FieldCard, list_fields
from posthouse.tenants.contacts.rules import DateOrder, FieldKind
from posthouse.tenants.imports import files, plans, rows
from posthouse.tenants.imports.headers import EMAIL, IGNORE, STATUS, Column
from posthouse.tenants.imports.models import ContactImport
from posthouse.tenants.imports.preview import FileRefused, Preview, Wishes, look
from posthouse.tenants.imports.queries import ImportCard, import_card
from posthouse.tenants.lists.queries import get_list

RUN = "tenants.import_contacts"
MAX_NAME_LETTERS = 200


def upload(scope: Scope, *, file: BinaryIO, file_name: str, list_id: int | None, wishes: Wishes | None = None) -> ImportCard:
    """Keep a file and look at it; nothing is imported before `start`. `list_id` None imports contacts without subscribing them.

    Raises: Invalid where the file can't be used (nothing is kept then), Missing.
    """
    require(scope, permissions.IMPORT_CONTACTS)
    if list_id is not None:
        get_list(scope, list_id)
    stored = files.keep(scope, file)
    try:
        seen = _look(scope, stored.name, wishes)
    except Invalid:
        files.drop(scope, stored.name)
        raise
    row = ContactImport(
        list_id=list_id,
        state="previewed",
        file_name=_plain_name(file_name),
        stored_name=stored.name,
        size_bytes=stored.size_bytes,
        shape=plans.dump_shape(seen.shape),
        mapping=plans.dump_mapping(_guess(scope, seen)),
        created_by=scope.actor.label,
        created_at=clock.now(),
    )
    session(scope).add(row)
    session(scope).flush()
    audit.record(scope, verb="import.uploaded", subject="import", subject_id=row.id, size_bytes=stored.size_bytes)
    return import_card(row)


def reread(scope: Scope, *, import_id: int, wishes: Wishes) -> ImportCard:
    """Read the file's shape again as a person says; the guess of its columns is made anew. Raises: Missing, Conflict, Invalid."""
    require(scope, permissions.IMPORT_CONTACTS)
    row = _waiting(scope, import_id)
    seen = _look(scope, row.stored_name, wishes)
    row.shape, row.mapping = plans.dump_shape(seen.shape), plans.dump_mapping(_guess(scope, seen))
    session(scope).flush()
    return import_card(row)


def start(
    scope: Scope,
    *,
    import_id: int,
    targets: Sequence[str] | None = None,
    kinds: Mapping[str, FieldKind] | None = None,
    order: DateOrder = DateOrder.UNKNOWN,
) -> ImportCard:
    """Start an import. `targets` says for each column email, status, ignore or a field's key (None: as guessed); fields that aren't there are
    made, of the kind that `kinds` says for their key, or else text.

    Raises: Missing, Conflict where it was started before, Invalid where the mapping can't be used.
    """
    require(scope, permissions.IMPORT_CONTACTS)
    row = _waiting(scope, import_id)
    guessed = plans.load_mapping(row.mapping)
    if targets is not None and len(targets) != len(guessed.columns):
        raise Invalid("mapping_wrong_length", f"The file has {len(guessed.columns)} columns. Say for each what it holds, or ignore.")
    chosen = targets if targets is not None else [column.target for column in guessed.columns]
    row.mapping = plans.dump_mapping(_settle(scope, guessed, chosen, kinds or {}, order))
    row.state, row.started_at = "running", clock.now()
    session(scope).flush()
    enqueue(scope, RUN, key=f"import-{row.id}", import_id=row.id)
    audit.record(scope, verb="import.started", subject="import", subject_id=row.id, list_id=row.list_id)
    return import_card(row)


def cancel(scope: Scope, *, import_id: int) -> ImportCard:
    """Stop an import; what is done stays done, and the counts say how much. Raises: Missing, Conflict where it is over."""
    require(scope, permissions.IMPORT_CONTACTS)
    row = _locked(scope, import_id)
    if row.state not in {"previewed", "running"}:
        raise Conflict("import_over", "This import is over. There is nothing to stop.")
    row.state, row.finished_at = "cancelled", clock.now()
    session(scope).flush()
    files.drop(scope, row.stored_name)
    audit.record(scope, verb="import.cancelled", subject="import", subject_id=row.id, rows_done=row.rows_done)
    return import_card(row)


def _settle(scope: Scope, guessed: rows.Mapping, targets: Sequence[str], kinds: Mapping[str, FieldKind], order: DateOrder) -> rows.Mapping:
    """Fix what every column becomes, and make the fields that aren't there yet."""
    named = tuple(rows.Target(column.name, target) for column, target in zip(guessed.columns, targets, strict=True))
    if (refusal := rows.mapping_refusal(rows.Mapping(named))) is not None:
        raise Invalid(refusal.code, refusal.sentence, field="mapping")
    known = {field.key: field for field in list_fields(scope)}
    columns = []
    for column, was in zip(named, guessed.columns, strict=True):
        if column.target in {EMAIL, STATUS, IGNORE}:
            columns.append(column)
            continue
        default = was.kind if was.target == column.target else FieldKind.TEXT
        field = known.get(column.target) or _make_field(scope, column, kinds.get(column.target, default))
        columns.append(rows.Target(column.name, column.target, field.kind, field.choices))
    return rows.Mapping(tuple(columns), order, settings().allow_reserved_domains)


def _make_field(scope: Scope, column: rows.Target, kind: FieldKind) -> FieldCard:
    if kind is FieldKind.CHOICE:
        raise Invalid(
            "mapping_choice_needs_field", f"Make the field “{column.target}” with its choices first, then import into it.", field="mapping"
        )
    label = "".join(letter for letter in column.name if letter.isprintable())[: fields.MAX_LABEL_LETTERS]
    return fields.create_field(scope, key=column.target, label=label, kind=kind)


def _look(scope: Scope, stored_name: str, wishes: Wishes | None) -> Preview:
    keys = [field.key for field in list_fields(scope)]
    with files.locate(scope, stored_name).open("rb") as file:
        seen = look(file, known_keys=keys, wishes=wishes)
    if isinstance(seen, FileRefused):
        raise Invalid(seen.code, seen.sentence, field="file")
    return seen


def _guess(scope: Scope, seen: Preview) -> rows.Mapping:
    known = {field.key: field for field in list_fields(scope)}
    return rows.Mapping(tuple(_target(column, known.get(column.target)) for column in seen.columns))


def _target(column: Column, field: FieldCard | None) -> rows.Target:
    # A name may hold any character; what the database can't keep is shown as a replacement.
    name = column.name.replace("\0", "\ufffd")[:MAX_NAME_LETTERS]
    if field is not None:
        return rows.Target(name, column.target, field.kind, field.choices)
    return rows.Target(name, column.target, column.kind)


def _waiting(scope: Scope, import_id: int) -> ContactImport:
    row = _locked(scope, import_id)
    if row.state != "previewed":
        raise Conflict("import_started", "This import was started before. Upload the file again to import it once more.")
    return row


def _locked(scope: Scope, import_id: int) -> ContactImport:
    row = session(scope).get(ContactImport, (scope.tenant, import_id), with_for_update=True, populate_existing=True)
    if row is None:
        raise missing("import")
    return row


def _plain_name(file_name: str) -> str:
    """Keep the last part of a file's name, for people to recognise it; it names nothing on this machine."""
    name = PureWindowsPath(PurePosixPath(file_name).name).name
    return "".join(letter for letter in name if letter.isprintable())[:MAX_NAME_LETTERS] or "file"
