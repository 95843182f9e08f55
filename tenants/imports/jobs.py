"""Run an import: chunk after chunk, each with its counts in one transaction, from wherever the last run got to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.events import emit
from posthouse.platform.scope import Scope
from posthouse.tenants.events import ContactsImported
from posthouse.tenants.imports import files, plans, store
from posthouse.tenants.imports.models import ContactImport
from posthouse.tenants.imports.reader import Broken, Row, Shape, read_rows
from posthouse.tenants.imports.rows import Converter, Mapping, Ready, Refused
from posthouse.tenants.quotas import allowances

CHUNK_ROWS = 10_000

# Takes the chunk for this run: only where the last one got to is where this one begins. A second run at the same time waits here for the
# first one's commit, finds the count changed, and stops.
_ADVANCE = sa.text(
    "UPDATE contact_import SET rows_done = rows_done + :rows, bytes_done = :bytes, imported = imported + :imported, updated = updated + :updated,"
    " duplicate = duplicate + :duplicate, refused = refused + :refused, subscribed = subscribed + :subscribed, kept_away = kept_away + :kept_away"
    " WHERE tenant_id = :tenant AND id = :import AND rows_done = :begin AND state = 'running'"
)
_CLAIM = sa.text(
    "SELECT 1 FROM contact_import WHERE tenant_id = :tenant AND id = :import AND rows_done = :begin AND state = 'running' FOR UPDATE"
)


@dataclass(frozen=True, slots=True)
class _Plan:
    import_id: int
    list_id: int | None
    stored_name: str
    shape: Shape
    mapping: Mapping
    rows_done: int


def import_contacts(scope: Scope, *, import_id: int) -> None:
    """Import a file's remaining rows. Killed at any point it goes on from the last whole chunk; harmless when run twice."""
    plan = _load(scope, import_id)
    if plan is None:
        return
    try:
        file = files.locate(scope, plan.stored_name).open("rb")
    except FileNotFoundError:
        _fail(scope, plan, "import_file_gone", "The file is not there any more. Upload it again.")
        return
    with file:
        over = _run(scope, plan, file)
    if over:
        _finish(scope, plan)


def _load(scope: Scope, import_id: int) -> _Plan | None:
    with transaction(scope) as live:
        row = live.get(ContactImport, (scope.tenant, import_id))
        if row is None or row.state != "running":
            return None
        shape, mapping = plans.load_shape(row.shape), plans.load_mapping(row.mapping)
        return _Plan(row.id, row.list_id, row.stored_name, shape, mapping, row.rows_done)


def _run(scope: Scope, plan: _Plan, file: BinaryIO) -> bool:
    """Store chunk after chunk; say whether the last one is done, and not somebody else at work or the import stopped."""
    rows = _data_rows(file, plan.shape)
    done = sum(1 for _ in islice(rows, plan.rows_done))
    convert = Converter(plan.mapping)
    while chunk := list(islice(rows, CHUNK_ROWS)):
        ready: list[tuple[int, Row, Ready]] = []
        refused: list[tuple[int, Refused]] = []
        for number, raw in enumerate(chunk, done + 1):
            row = convert(raw)
            if isinstance(row, Refused):
                refused.append((number, row))
            elif isinstance(raw, Row):
                ready.append((number, raw, row))
        if not _store(scope, plan, done, ready, refused, bytes_done=file.tell()):
            return False
        done += len(chunk)
    return True


def _data_rows(file: BinaryIO, shape: Shape) -> Iterator[Row | Broken]:
    rows = read_rows(file, shape)
    if not shape.header:
        yield from rows
        return
    first = next(rows, None)
    if isinstance(first, Broken):
        yield first
    yield from rows


def _store(
    scope: Scope, plan: _Plan, begin: int, ready: list[tuple[int, Row, Ready]], refused: list[tuple[int, Refused]], *, bytes_done: int
) -> bool:
    place = store.Place(scope.tenant, plan.import_id, plan.list_id, clock.now())
    key = {"tenant": scope.tenant, "import": plan.import_id, "begin": begin}
    with transaction(scope) as live:
        if live.execute(_CLAIM, key).one_or_none() is None:
            return False
        counts = store.store(live, place, ready, refused, _room(scope))
        live.execute(
            _ADVANCE,
            {
                **key,
                "rows": len(ready) + len(refused),
                "bytes": bytes_done,
                "imported": counts.imported,
                "updated": counts.updated,
                "duplicate": counts.duplicate,
                "refused": counts.refused,
                "subscribed": counts.subscribed,
                "kept_away": counts.kept_away,
            },
        )
    return True


def _room(scope: Scope) -> store.Room:
    left = allowances.lock_room(scope)
    return store.Room() if left is None else store.Room(left, allowances.refusal_sentence(allowances.allowed_contacts(scope)))


def _finish(scope: Scope, plan: _Plan) -> None:
    with transaction(scope) as live:
        row = live.get(ContactImport, (scope.tenant, plan.import_id), with_for_update=True)
        if row is not None and row.state == "running":
            row.state, row.finished_at, row.bytes_done = "done", clock.now(), row.size_bytes
            live.flush()
            emit(scope, ContactsImported(import_id=row.id))
    files.drop(scope, plan.stored_name)


def _fail(scope: Scope, plan: _Plan, code: str, sentence: str) -> None:
    with transaction(scope):
        row = session(scope).get(ContactImport, (scope.tenant, plan.import_id), with_for_update=True)
        if row is not None and row.state == "running":
            row.state, row.finished_at, row.problem_code, row.problem = "failed", clock.now(), code, sentence
