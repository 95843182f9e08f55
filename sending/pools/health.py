"""How routes do, noted by the workers that send by them."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.scope import Scope
from posthouse.sending.pools.models import Route
from posthouse.sending.pools.rules import ANSWERS_KEPT

PROBE = timedelta(seconds=3)
# Wordings kept of a route; a server that says something new each time is counted, but not quoted for ever.
MOST_WORDINGS = 200
_TALLY = sa.text(
    "INSERT INTO route_tally (route_id, minute, sent, deferred, refused, lost)"
    " SELECT :route, date_trunc('minute', CAST(:at AS timestamptz)), :sent, :deferred, :refused, :lost"
    " WHERE EXISTS (SELECT 1 FROM route r WHERE r.id = :route)"
    " ON CONFLICT (route_id, minute) DO UPDATE SET sent = route_tally.sent + excluded.sent,"
    " deferred = route_tally.deferred + excluded.deferred, refused = route_tally.refused + excluded.refused,"
    " lost = route_tally.lost + excluded.lost"
)
_REPLY = sa.text(
    "INSERT INTO route_reply AS k (route_id, domain_group, code, shape, text, count, first_at, last_at)"
    " SELECT :route, :group, :code, :shape, :text, :count, :at, :at WHERE EXISTS (SELECT 1 FROM route r WHERE r.id = :route)"
    " AND (SELECT count(*) FROM route_reply o WHERE o.route_id = :route) < :most"
    " ON CONFLICT (route_id, domain_group, code, shape) DO UPDATE SET text = excluded.text, count = k.count + excluded.count,"
    " last_at = excluded.last_at"
)
_FORGET = ("DELETE FROM route_tally WHERE minute < :before", "DELETE FROM route_reply WHERE last_at < :before")


def note_trouble(scope: Scope, *, route_id: int, failures: int, pause_seconds: float, detail: str) -> None:
    """Note that a route can't be used for a while, and why. For workers."""
    now = clock.now()
    session(scope).execute(
        sa.update(Route)
        .where(Route.id == route_id)
        .values(failures=failures, parked_until=now + timedelta(seconds=pause_seconds), last_error=detail[:300], last_error_at=now)
    )


def note_pace(scope: Scope, *, route_id: int, pace: int) -> None:
    """Note that a route's server doesn't bear more than this pace; editing the route forgets it. For workers; may be repeated."""
    session(scope).execute(sa.update(Route).where(Route.id == route_id, Route.pace > pace).values(pace=pace))


def note_well(scope: Scope, *, route_id: int) -> None:
    """Note that a route takes mail. For workers."""
    session(scope).execute(sa.update(Route).where(Route.id == route_id).values(failures=0, parked_until=None, last_sent_at=clock.now()))


def claim_probe(scope: Scope, *, route_id: int) -> bool:
    """Say whether the caller alone may try a route that failed, for some seconds; the others let it rest meanwhile. For workers."""
    now = clock.now()
    statement = (
        sa.update(Route)
        .where(Route.id == route_id, sa.or_(Route.parked_until.is_(None), Route.parked_until <= now))
        .values(parked_until=now + PROBE)
    )
    return bool(session(scope).execute(statement.returning(Route.id)).first())


def note_answers(scope: Scope, *, route_id: int, sent: int, deferred: int, refused: int, lost: int) -> None:
    """Add what servers answered by a route to the present minute. For workers."""
    values = {"route": route_id, "at": clock.now(), "sent": sent, "deferred": deferred, "refused": refused, "lost": lost}
    session(scope).execute(_TALLY, values)


def note_wording(scope: Scope, *, route_id: int, group: str, code: int, shape: str, text: str, count: int) -> None:
    """Note how a server put off or refused so many messages to a mailbox provider. For workers."""
    values = {"route": route_id, "group": group, "code": code, "shape": shape, "text": text, "count": count, "at": clock.now()}
    session(scope).execute(_REPLY, {**values, "most": MOST_WORDINGS})


def forget(scope: Scope) -> None:
    """Delete what was answered long ago. May be repeated."""
    for statement in _FORGET:
        session(scope).execute(sa.text(statement), {"before": clock.now() - ANSWERS_KEPT})
