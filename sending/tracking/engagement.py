"""Keeps what a recipient did with one message, and tells what a person did for the first time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.platform.db import session
from posthouse.platform.scope import Scope

MAX_COUNTED = 1_000_000

_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('message_engagement', :tenant))")
_KNOWN = sa.text(
    "SELECT e.message_id, e.kind FROM message_engagement e"
    " JOIN unnest(CAST(:messages AS bigint[]), CAST(:kinds AS text[])) AS u (message_id, kind)"
    " ON e.message_id = u.message_id AND e.kind = u.kind WHERE e.tenant_id = :tenant AND e.people > 0"
)
_ADD = sa.text(
    "INSERT INTO message_engagement AS e (tenant_id, message_id, kind, people, machines, first_at, last_at)"
    " SELECT :tenant, u.* FROM unnest(CAST(:messages AS bigint[]), CAST(:kinds AS text[]), CAST(:people AS integer[]),"
    " CAST(:machines AS integer[]), CAST(:firsts AS timestamptz[]), CAST(:lasts AS timestamptz[])) AS u"
    f" ON CONFLICT (tenant_id, message_id, kind) DO UPDATE SET people = least(e.people + excluded.people, {MAX_COUNTED}),"
    f" machines = least(e.machines + excluded.machines, {MAX_COUNTED}), first_at = coalesce(e.first_at, excluded.first_at),"
    " last_at = greatest(e.last_at, excluded.last_at)"
)


@dataclass(slots=True)
class Visits:
    """Visits of one kind to one message. `first_at` is the first person's, None where there was none."""

    last_at: datetime
    people: int = 0
    machines: int = 0
    first_at: datetime | None = None


def add(scope: Scope, visits: Mapping[tuple[int, str], Visits]) -> frozenset[tuple[int, str]]:
    """Add visits by (message, kind); returns those that a person made for the first time. One such transaction a tenant at a time."""
    if not visits:
        return frozenset()
    keys = sorted(visits)
    base = {"tenant": scope.tenant, "messages": [key[0] for key in keys], "kinds": [key[1] for key in keys]}
    live = session(scope)
    live.execute(_LOCK, {"tenant": scope.tenant})
    known = {(row.message_id, row.kind) for row in live.execute(_KNOWN, base)}
    live.execute(
        _ADD,
        base
        | {
            "people": [visits[key].people for key in keys],
            "machines": [visits[key].machines for key in keys],
            "firsts": [visits[key].first_at for key in keys],
            "lasts": [visits[key].last_at for key in keys],
        },
    )
    return frozenset(key for key in keys if visits[key].people and key not in known)
