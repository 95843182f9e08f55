"""Connections by lease: what a worker may open of a route's, to everybody or to one provider, held in PostgreSQL until a time.

Nothing of this is asked per message: a worker asks when it would open connections, says now and then that it lives, and hands
back what it closed. One clock decides, the database's. One that dies holds its part until the end of its term, or until a worker of the same machine sees that it
is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.scope import Scope
from posthouse.platform.statements import rows
from posthouse.sending.rates.rules import WHOLE
from posthouse.sending.rates.sharing import FIRST, KEPT, Claim, share

TERM_SECONDS = 10.0
# Others take a part back only so long after its end: a renewal may be on its way.
MARGIN_SECONDS = 2
# So long after its last single message one of a route's connections is kept for the next.
KEPT_SECONDS = 86_400.0
# Where a provider may have fewer connections than there are workers, these take turns of so long.
TURN_SECONDS = 15

_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 0))"
_CLAIMS = (
    'SELECT route_id, domain_group, worker, stream, held, wanted, "until" FROM route_use'
    f""" WHERE route_id = ANY (CAST(%(routes)s AS bigint[])) AND "until" > clock_timestamp() - interval '{MARGIN_SECONDS} seconds'"""
    " ORDER BY route_id, domain_group, worker"
)
_HOLD = (
    'INSERT INTO route_use (route_id, domain_group, worker, stream, held, wanted, connections, "until")'
    " SELECT %(route)s, %(group)s, %(worker)s, %(stream)s, %(held)s, %(wanted)s, %(connections)s,"
    " clock_timestamp() + make_interval(secs => %(seconds)s)"
    " WHERE EXISTS (SELECT 1 FROM route r WHERE r.id = %(route)s)"
    " ON CONFLICT (route_id, domain_group, worker) DO UPDATE SET held = excluded.held, wanted = excluded.wanted,"
    ' connections = excluded.connections, "until" = excluded."until"'
)
_LEAVE = sa.text("DELETE FROM route_use WHERE split_part(worker, '#', 1) = :worker")
_LEAVE_ROUTE = "DELETE FROM route_use WHERE worker = %(worker)s AND route_id = %(route)s AND domain_group = %(group)s"
_FORGET = sa.text("""DELETE FROM route_use WHERE "until" < clock_timestamp() - interval '1 minute'""")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a worker would have of a limit: it keeps `kept` in any case, `wanted` in all, and has so many `open`."""

    limit: int
    kept: int
    wanted: int
    open: int = 0


ByGroup = Mapping[str, Sequence[Claim]]


def exchange(scope: Scope, *, route_id: int, worker: str, stream: str, wishes: Mapping[str, Wish]) -> dict[str, int]:
    """Say what a worker keeps and wants of a route's connections, by group; returns how many it may have until the end of its term.

    All workers together never hold more than a limit. May be repeated. For workers.
    """
    rows(scope, _ALONE, {"key": f"slots:{route_id}"})
    found = claims_of(scope, [route_id]).get(route_id, {})
    granted = {}
    for group, wish in sorted(wishes.items()):
        others = [one for one in found.get(group, ()) if one.worker != worker]
        before = sum(one.held for one in found.get(group, ()) if one.worker == worker)
        mine = Claim(worker, stream, before, wish.wanted)
        fair = share(wish.limit, [*others, mine], turn=turn_of(group))[worker]
        held = max(0, min(max(fair, wish.kept), wish.limit - sum(one.held for one in others)))
        _write(scope, route_id, group, Claim(worker, stream, held, wish.wanted), wish.open)
        if stream == FIRST and wish.wanted:
            _keep_a_place(scope, route_id, group)
        granted[group] = held
    return granted


def _write(scope: Scope, route_id: int, group: str, claim: Claim, connections: int) -> None:
    values = {"route": route_id, "group": group, "worker": claim.worker}
    if not claim.held and not claim.wanted:
        rows(scope, _LEAVE_ROUTE, values)
        return
    values |= {"stream": claim.stream, "held": claim.held, "wanted": claim.wanted, "connections": connections, "seconds": TERM_SECONDS}
    rows(scope, _HOLD, values)


def _keep_a_place(scope: Scope, route_id: int, group: str) -> None:
    values = {"route": route_id, "group": group, "worker": KEPT, "stream": FIRST, "held": 0, "wanted": 0, "connections": 0}
    rows(scope, _HOLD, {**values, "seconds": KEPT_SECONDS})


def claims_of(scope: Scope, route_ids: Sequence[int]) -> dict[int, ByGroup]:
    """Return who holds and wants connections of routes, by group. For workers."""
    listed = "{" + ",".join(map(str, route_ids)) + "}"
    found: dict[int, dict[str, list[Claim]]] = {}
    for row in rows(scope, _CLAIMS, {"routes": listed}):
        claim = Claim(row.worker, row.stream, row.held, row.wanted)
        found.setdefault(row.route_id, {}).setdefault(row.domain_group, []).append(claim)
    return dict(found)


def turn_of(group: str) -> int | None:
    """Return whose turn it is where a provider may have fewer connections than workers would; a route's own stay where they are."""
    return None if group == WHOLE else int(clock.now().timestamp() // TURN_SECONDS)


def leave(scope: Scope, *, worker: str) -> None:
    """Hand all back that a worker holds under its name, also with a number after it (`#7`). May be repeated. For workers."""
    session(scope).execute(_LEAVE, {"worker": worker})


def forget(scope: Scope) -> None:
    """Delete what nobody holds any more. May be repeated."""
    session(scope).execute(_FORGET)
