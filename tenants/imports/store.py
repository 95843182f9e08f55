"""Store one chunk of an import's rows: all of it with its counts, or nothing.

COPY doesn't go into tables under row security, so a chunk is copied into a temporary table and goes on from there by `INSERT … SELECT`.
The counts come from what the database did (`RETURNING`), not from a look before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from posthouse.tenants.imports.reader import Row
from posthouse.tenants.imports.rows import Ready, Refused
from posthouse.tenants.quotas.allowances import REFUSED

ENDING = frozenset({"unsubscribed", "bounced", "complained"})

_CHUNK = (
    'CREATE TEMPORARY TABLE import_chunk (email text, norm text COLLATE "C", domain text COLLATE "C", smtputf8 boolean, fields jsonb, status text)'
    " ON COMMIT DROP"
)
_MARKS = 'CREATE TEMPORARY TABLE import_touched (id bigint, norm text COLLATE "C", new boolean) ON COMMIT DROP'
_COPY = "COPY import_chunk (email, norm, domain, smtputf8, fields, status) FROM STDIN"

# A contact that this import has touched before isn't touched again: what doesn't come back is the duplicates.
_CONTACTS = sa.text(
    "WITH done AS ("
    " INSERT INTO contact AS c (tenant_id, email, email_norm, domain, smtputf8, fields, source, last_import_id, created_at, updated_at)"
    " SELECT :tenant, email, norm, domain, smtputf8, fields, 'import', :import, :now, :now FROM import_chunk ORDER BY norm"
    " ON CONFLICT (tenant_id, email_norm) DO UPDATE SET fields = c.fields || excluded.fields, last_import_id = excluded.last_import_id,"
    " updated_at = excluded.updated_at WHERE c.last_import_id IS DISTINCT FROM excluded.last_import_id"
    " RETURNING c.id, c.email_norm, (c.xmax = 0) AS new)"
    " INSERT INTO import_touched SELECT id, email_norm, new FROM done"
)
_NEW = sa.text(
    "SELECT k.norm FROM import_chunk k WHERE NOT EXISTS (SELECT 1 FROM contact c WHERE c.tenant_id = :tenant AND c.email_norm = k.norm)"
)
_TAKE_OUT = sa.text("DELETE FROM import_chunk WHERE norm = ANY (:norms)")
_TOUCHED = sa.text("SELECT count(*) FILTER (WHERE new), count(*) FILTER (WHERE NOT new) FROM import_touched")
# Who ended a subscription stays so, even when the contact was deleted meanwhile.
_SUBSCRIPTIONS = sa.text(
    "WITH done AS ("
    " INSERT INTO subscription (tenant_id, list_id, contact_id, state, source, import_id, created_at, changed_at)"
    " SELECT :tenant, :list, t.id, CASE WHEN k.status IN ('unsubscribed', 'bounced', 'complained') THEN k.status"
    "  WHEN x.address IS NOT NULL THEN 'unsubscribed' ELSE coalesce(k.status, 'subscribed') END, 'import', :import, :now, :now"
    " FROM import_touched t JOIN import_chunk k ON k.norm = t.norm"
    " LEFT JOIN suppression x ON x.tenant_id = :tenant AND x.address = t.norm AND x.target = :target ORDER BY t.id"
    " ON CONFLICT (tenant_id, list_id, contact_id) DO NOTHING RETURNING state)"
    " SELECT count(*) FILTER (WHERE state IN ('subscribed', 'unconfirmed')) FROM done"
)
# What the file says against mail holds for people who are on the list already, in whichever of its rows it stands.
_ENDINGS = sa.text(
    "UPDATE subscription s SET state = k.status, source = 'import', import_id = :import, changed_at = :now"
    " FROM import_chunk k JOIN contact c ON c.tenant_id = :tenant AND c.email_norm = k.norm"
    " WHERE s.tenant_id = :tenant AND s.list_id = :list AND s.contact_id = c.id AND s.state IN ('subscribed', 'unconfirmed')"
    " AND k.status IN ('unsubscribed', 'bounced', 'complained')"
)
_KEPT_AWAY = sa.text(
    "SELECT count(*) FROM import_touched t JOIN subscription s ON s.tenant_id = :tenant AND s.list_id = :list AND s.contact_id = t.id"
    " WHERE s.state IN ('unsubscribed', 'bounced', 'complained')"
)
_SUPPRESSIONS = sa.text(
    "INSERT INTO suppression (tenant_id, address, reason, source, reach, target, list_id, at)"
    " SELECT :tenant, norm, CASE status WHEN 'bounced' THEN 'hard_bounce' WHEN 'complained' THEN 'complaint' ELSE 'unsubscribe' END, 'import',"
    " CASE WHEN status = 'unsubscribed' THEN 'list' ELSE 'tenant' END, CASE WHEN status = 'unsubscribed' THEN :target ELSE 'tenant' END,"
    " CASE WHEN status = 'unsubscribed' THEN CAST(:list AS bigint) END, :now FROM import_chunk"
    " WHERE status IN ('bounced', 'complained') OR (status = 'unsubscribed' AND CAST(:list AS bigint) IS NOT NULL) ORDER BY norm"
    " ON CONFLICT (tenant_id, address, target) DO NOTHING"
)
_REFUSALS = sa.text(
    "INSERT INTO import_refusal (tenant_id, import_id, row_number, line, code, sentence, column_name, cells)"
    " SELECT :tenant, :import, * FROM unnest(CAST(:numbers AS bigint[]), CAST(:lines AS bigint[]), CAST(:codes AS text[]),"
    " CAST(:sentences AS text[]), CAST(:columns AS text[]), CAST(:cells AS jsonb[]))"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chunk's rows go: whose, of which import, to which list (None: none), when."""

    tenant_id: int
    import_id: int
    list_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a chunk's rows."""

    imported: int = 0
    updated: int = 0
    duplicate: int = 0
    refused: int = 0
    subscribed: int = 0
    kept_away: int = 0


@dataclass(frozen=True, slots=True)
class Room:
    """How many new contacts there is room for (None: any number), and what to say to the others."""

    left: int | None = None
    sentence: str = ""


def store(
    live: Session, place: Place, ready: Sequence[tuple[int, Row, Ready]], refused: Sequence[tuple[int, Refused]], room: Room
) -> Counts:
    """Store a chunk in the open transaction; all rows come with their numbers in the file."""
    unique = _merge([row for _, _, row in ready])
    if ready:
        _copy(live, unique.values())
        over = _over(live, place, unique, room)
        refused = [*refused, *((number, _no_room(raw, room)) for number, raw, row in ready if row.address.norm in over)]
        ready = [one for one in ready if one[2].address.norm not in over]
    if refused:
        _store_refusals(live, place, sorted(refused, key=lambda one: one[0]))
    if not ready:
        return Counts(refused=len(refused))
    values = {"tenant": place.tenant_id, "import": place.import_id, "now": place.at}
    live.execute(_CONTACTS, values)
    imported, updated = live.execute(_TOUCHED).one()
    values |= {"list": place.list_id, "target": f"list:{place.list_id}"}
    ending = any(row.status in ENDING for row in unique.values())
    if ending:
        live.execute(_SUPPRESSIONS, values)
    subscribed = kept_away = 0
    if place.list_id is not None:
        subscribed = live.execute(_SUBSCRIPTIONS, values).scalar_one()
        if ending:
            live.execute(_ENDINGS, values)
        kept_away = live.execute(_KEPT_AWAY, values).scalar_one()
    return Counts(imported, updated, len(ready) - imported - updated, len(refused), subscribed, kept_away)


def _over(live: Session, place: Place, unique: Mapping[str, Ready], room: Room) -> set[str]:
    """Find the new addresses that there is no room for, in the order of the file, and take them out of the chunk."""
    if room.left is None or len(unique) <= room.left:
        return set()
    new = set(live.execute(_NEW, {"tenant": place.tenant_id}).scalars())
    over = [norm for norm in unique if norm in new][room.left :]
    if over:
        live.execute(_TAKE_OUT, {"norms": over})
    return set(over)


def _no_room(raw: Row, room: Room) -> Refused:
    return Refused(raw.line, REFUSED, room.sentence, raw.cells)


def _merge(ready: Sequence[Ready]) -> dict[str, Ready]:
    """Keep the first row of each address; a later one that forbids mail still does so."""
    unique: dict[str, Ready] = {}
    for row in ready:
        first = unique.setdefault(row.address.norm, row)
        if row.status in ENDING and first.status not in ENDING:
            unique[row.address.norm] = Ready(first.line, first.address, first.fields, row.status)
    return unique


def _copy(live: Session, rows: Iterable[Ready]) -> None:
    connection = live.connection()
    connection.exec_driver_sql(_CHUNK)
    connection.exec_driver_sql(_MARKS)
    raw = connection.connection.driver_connection
    assert raw is not None
    encode = msgspec.json.Encoder().encode
    with raw.cursor() as cursor, cursor.copy(_COPY) as copy:
        for row in rows:
            address = row.address
            copy.write_row((address.email, address.norm, address.domain, address.smtputf8, encode(row.fields).decode(), row.status))


def _store_refusals(live: Session, place: Place, refused: Sequence[tuple[int, Refused]]) -> None:
    encode = msgspec.json.Encoder().encode
    live.execute(
        _REFUSALS,
        {
            "tenant": place.tenant_id,
            "import": place.import_id,
            "numbers": [number for number, _ in refused],
            "lines": [row.line for _, row in refused],
            "codes": [row.code for _, row in refused],
            "sentences": [row.sentence for _, row in refused],
            "columns": [row.column for _, row in refused],
            # PostgreSQL keeps no NUL; its picture stands for it in the file of refused rows.
            "cells": [encode([cell.replace("\0", "\u2400") for cell in row.cells]).decode() for _, row in refused],
        },
    )
