"""How sending does as a whole, for the operator: lanes with work, since when the longest waits, and leases at work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants.permissions import READ_INSTALLATION

_LANES = sa.text(
    "SELECT s.stream, count(l.tenant_id), min(l.due_at) FROM (VALUES ('marketing'), ('transactional')) AS s (stream)"
    " LEFT JOIN lane_tenant l ON l.stream = s.stream AND l.due_at <= :now GROUP BY s.stream ORDER BY s.stream"
)
_HELD = sa.text("SELECT stream, held_by, count(*) FROM lane_tenant WHERE held_by <> '' AND resumes_at > :now GROUP BY 1, 2 ORDER BY 1, 2")
_LEASES = sa.text("SELECT stream, count(*), sum(messages), min(until) FROM lease WHERE closed_at IS NULL GROUP BY stream")


@dataclass(frozen=True, slots=True)
class Lane:
    """One stream: tenants whose mail is due and since when the longest waits, messages under way, leases past their time, and what holds others."""

    stream: str
    tenants_due: int
    oldest: datetime | None
    under_way: int
    lapsed: bool
    held: tuple[tuple[str, int], ...]


def lanes(scope: Scope) -> list[Lane]:
    """Return both streams."""
    require(scope, READ_INSTALLATION)
    live, now = session(scope), clock.now()
    leases = {row[0]: row for row in live.execute(_LEASES)}
    held: dict[str, list[tuple[str, int]]] = {}
    for stream, by, count in live.execute(_HELD, {"now": now}):
        held.setdefault(stream, []).append((by, count))
    return [
        Lane(
            stream,
            due,
            oldest,
            int(leases[stream][2]) if stream in leases else 0,
            stream in leases and leases[stream][3] < now,
            tuple(held.get(stream, ())),
        )
        for stream, due, oldest in live.execute(_LANES, {"now": now})
    ]
