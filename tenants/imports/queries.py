"""Read imports: how far they are, what became of the rows, which were refused and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.platform.db import session
from posthouse.platform.errors import Missing, missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants import permissions
from posthouse.tenants.contacts.queries import list_fields
from posthouse.tenants.imports import files, plans, refused
from posthouse.tenants.imports.models import ContactImport, ImportRefusal
from posthouse.tenants.imports.preview import FileRefused, Preview, Wishes, look
from posthouse.tenants.imports.rows import Refused, Target

_PAGE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class ImportCard:
    """One import. `rows_done` = imported + updated + duplicate + refused, always.

    `imported`: contacts that are new; `updated`: contacts that were there before the file; `duplicate`: rows whose address an earlier row of
    the file had; `subscribed`: subscriptions that are new; `kept_away`: rows of people who ended their subscription earlier and stay so.
    """

    id: int
    list_id: int | None
    state: str
    file_name: str
    size_bytes: int
    bytes_done: int
    rows_done: int
    imported: int
    updated: int
    duplicate: int
    refused: int
    subscribed: int
    kept_away: int
    columns: tuple[Target, ...]
    encoding: str
    delimiter: str
    header: bool
    problem_code: str | None
    problem: str | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def percent(self) -> int:
        """How much of the file is done, 0 to 100; by bytes, for the number of rows is not known before the end."""
        if self.state == "done":
            return 100
        return min(99, 100 * self.bytes_done // max(self.size_bytes, 1))


def get_import(scope: Scope, import_id: int) -> ImportCard:
    """Return one import as it stands now. Raises: Missing."""
    require(scope, permissions.READ_CONTACTS)
    row = session(scope).get(ContactImport, (scope.tenant, import_id), populate_existing=True)
    if row is None:
        raise missing("import")
    return import_card(row)


def list_imports(scope: Scope, *, limit: int = 50) -> tuple[ImportCard, ...]:
    """List the latest imports, newest first."""
    require(scope, permissions.READ_CONTACTS)
    query = sa.select(ContactImport).order_by(ContactImport.created_at.desc(), ContactImport.id.desc()).limit(max(1, min(limit, 500)))
    return tuple(map(import_card, session(scope).scalars(query)))


def preview(scope: Scope, import_id: int) -> Preview:
    """Look at an import's file as it would be read now. Raises: Missing, also once the file is gone."""
    require(scope, permissions.IMPORT_CONTACTS)
    row = session(scope).get(ContactImport, (scope.tenant, import_id))
    if row is None:
        raise missing("import")
    shape = plans.load_shape(row.shape)
    wishes = Wishes(encoding=shape.encoding.name, delimiter=shape.delimiter, header=shape.header)
    keys = [field.key for field in list_fields(scope)]
    try:
        with files.locate(scope, row.stored_name).open("rb") as file:
            seen = look(file, known_keys=keys, wishes=wishes)
    except FileNotFoundError:
        raise Missing("import_file_gone", "The file is not kept any more. Upload it again.") from None
    if isinstance(seen, FileRefused):
        raise Missing(seen.code, seen.sentence)
    return seen


def count_refusals(scope: Scope, import_id: int) -> Mapping[str, int]:
    """Count an import's refused rows by code, the commonest first."""
    require(scope, permissions.READ_CONTACTS)
    query = (
        sa.select(ImportRefusal.code, sa.func.count())
        .where(ImportRefusal.tenant_id == scope.tenant, ImportRefusal.import_id == import_id)
        .group_by(ImportRefusal.code)
        .order_by(sa.func.count().desc(), ImportRefusal.code)
    )
    return dict(session(scope).execute(query).all())


def refused_csv(scope: Scope, import_id: int) -> Iterator[str]:
    """Give the file of refused rows as CSV text, piece by piece within the open transaction. Raises: Missing, at the call."""
    card = get_import(scope, import_id)
    return refused.write([column.name for column in card.columns], walk_refusals(scope, import_id))


def walk_refusals(scope: Scope, import_id: int) -> Iterator[Refused]:
    """Give an import's refused rows in the order of the file."""
    require(scope, permissions.READ_CONTACTS)
    after = 0
    while True:
        query = (
            sa.select(ImportRefusal)
            .where(ImportRefusal.tenant_id == scope.tenant, ImportRefusal.import_id == import_id, ImportRefusal.row_number > after)
            .order_by(ImportRefusal.row_number)
            .limit(_PAGE_ROWS)
        )
        rows = session(scope).scalars(query).all()
        for row in rows:
            yield Refused(row.line, row.code, row.sentence, list(row.cells), row.column_name)
            after = row.row_number
            session(scope).expunge(row)
        if len(rows) < _PAGE_ROWS:
            return


def import_card(row: ContactImport) -> ImportCard:
    """Make the card of an import's row."""
    shape = plans.load_shape(row.shape)
    return ImportCard(
        id=row.id,
        list_id=row.list_id,
        state=row.state,
        file_name=row.file_name,
        size_bytes=row.size_bytes,
        bytes_done=row.bytes_done,
        rows_done=row.rows_done,
        imported=row.imported,
        updated=row.updated,
        duplicate=row.duplicate,
        refused=row.refused,
        subscribed=row.subscribed,
        kept_away=row.kept_away,
        columns=plans.load_mapping(row.mapping).columns,
        encoding=shape.encoding.name,
        delimiter=shape.delimiter,
        header=shape.header,
        problem_code=row.problem_code,
        problem=row.problem,
        created_by=row.created_by,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
