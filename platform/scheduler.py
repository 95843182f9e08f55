"""The scheduler: tells news to its handlers, starts periodic jobs, puts lapsed work back, and rings the bells again.

All that it does is guarded by the tables (SKIP LOCKED, unique keys), so two schedulers at once do no harm; an advisory
lock only keeps the second one from wasting work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from posthouse.platform import clock, logs
from posthouse.platform.app import bell, house
from posthouse.platform.db import session, transaction
from posthouse.platform.events import HANDLE, HANDLE_TOGETHER, RELAY_BELL
from posthouse.platform.jobs import QUEUE, Tick, enqueue
from posthouse.platform.runner import requeue_lapsed
from posthouse.platform.scope import Scope, system
from posthouse.platform.shifts import offer_shifts
from posthouse.platform.tables import JobRow, OutboxRow, PeriodicRow

TICK_SECONDS = 1.0
RELAY_AT_ONCE = 500
TOGETHER = 200  # events in one job, where their handler takes several
KEEP_RELAYED = timedelta(days=1)
PATIENCE_SECONDS = 60.0  # a scheduler that never reached the database ends after so long, and says why


def run(stop: Callable[[], bool]) -> None:
    """Tick until `stop()` says so; a database that restarts is waited for. Raises: OperationalError when it was never reached."""
    _begin(stop, clock.monotonic() + PATIENCE_SECONDS)
    due: dict[str, float] = {}
    while not stop():
        for tick in _ticks():
            if clock.monotonic() >= due.get(tick.name, 0.0):
                due[tick.name] = clock.monotonic() + tick.every_seconds
                _guarded(tick)
        bell().wait(RELAY_BELL, TICK_SECONDS)


def _begin(stop: Callable[[], bool], end: float) -> None:
    while not stop():
        try:
            return reconcile_periodic(system("scheduler.start"))
        except (OperationalError, InterfaceError) as problem:
            if clock.monotonic() >= end:
                raise
            logs.get().warning("scheduler.database_away", problem=str(problem.orig)[:200])
        bell().wait(RELAY_BELL, TICK_SECONDS)
    return None


def tick_once() -> None:
    """Do all ticks once, for tests and commands. Raises what a tick raises."""
    for tick in _ticks():
        tick.run(system(tick.name))


def _ticks() -> list[Tick]:
    return [
        Tick("scheduler.relay", relay, 0.0),
        Tick("scheduler.lapsed", requeue_lapsed),
        Tick("scheduler.periodic", start_periodic),
        Tick("scheduler.bells", ring_due),
        Tick("scheduler.shifts", offer_shifts),
        Tick("scheduler.forget", forget_relayed, 3600),
        *house().ticks,
    ]


def _guarded(tick: Tick) -> None:
    try:
        tick.run(system(tick.name))
    except Exception as problem:
        expected = isinstance(problem, SQLAlchemyError | OSError)
        logs.get().warning("scheduler.tick_failed", tick=tick.name, problem=repr(problem), exc_info=not expected)


def relay(scope: Scope) -> None:
    """Turn waiting events into jobs, one a handler, or one for many events where it takes them together; oldest first. May be repeated and run twice at once."""
    while True:
        with transaction(scope):
            found = _waiting_events(scope)
            _ask_handlers(scope, found)
            for event in found:
                event.relayed_at = clock.now()
        if found:
            bell().ring(QUEUE)
        if len(found) < RELAY_AT_ONCE:
            return


def _waiting_events(scope: Scope) -> list[OutboxRow]:
    query = sa.select(OutboxRow).where(OutboxRow.relayed_at.is_(None)).order_by(OutboxRow.id).limit(RELAY_AT_ONCE)
    return list(session(scope).scalars(query.with_for_update(skip_locked=True)))


def _ask_handlers(scope: Scope, events: Sequence[OutboxRow]) -> None:
    """Write the jobs for the events' own tenants or resellers; the scheduler's scope has neither."""
    rows: list[dict[str, Any]] = []
    groups: dict[tuple[str, str, int | None, int | None], list[OutboxRow]] = {}
    for event in events:
        for handler, declared in house().handlers.get(event.name, {}).items():
            if declared.run_all is None:
                rows.append(_asking(event, handler))
            else:
                groups.setdefault((handler, event.name, event.for_tenant_id, event.for_reseller_id), []).append(event)
    for (handler, *_), several in groups.items():
        for start in range(0, len(several), TOGETHER):
            rows.append(_asking_together(several[start : start + TOGETHER], handler))
    if rows:
        session(scope).execute(insert(JobRow).values(rows).on_conflict_do_nothing())


def _asking(event: OutboxRow, handler: str) -> dict[str, Any]:
    args = {"event_id": event.id, "name": event.name, "handler": handler, "payload": event.payload}
    return _job(event, HANDLE, args, f"{event.id}:{handler}")


def _asking_together(events: Sequence[OutboxRow], handler: str) -> dict[str, Any]:
    first = events[0]
    if len(events) == 1:
        return _asking(first, handler)
    told = [{"id": one.id, "payload": one.payload} for one in events]
    return _job(first, HANDLE_TOGETHER, {"name": first.name, "handler": handler, "events": told}, f"{first.id}+{len(events) - 1}:{handler}")


def _job(event: OutboxRow, kind: str, args: dict[str, Any], key: str) -> dict[str, Any]:
    now = clock.now()
    return {
        "kind": kind,
        "queue": QUEUE,
        "for_tenant_id": event.for_tenant_id,
        "for_reseller_id": event.for_reseller_id,
        "args": args,
        "dedupe_key": key,
        "run_at": now,
        "created_at": now,
        "request_id": event.request_id,
        "asked_by": {"kind": "system", "id": None, "label": event.name, "reach": "system"},
    }


def reconcile_periodic(scope: Scope) -> None:
    """Make the table of periodic jobs equal to what the rooms declare. May be repeated."""
    declared = house().periodic
    now = clock.now()
    with transaction(scope) as live:
        live.execute(sa.delete(PeriodicRow).where(PeriodicRow.kind.not_in(list(declared) or [""])))
        for periodic in declared.values():
            statement = insert(PeriodicRow).values(kind=periodic.kind, every_seconds=periodic.every_seconds, next_at=now)
            live.execute(statement.on_conflict_do_update(index_elements=["kind"], set_={"every_seconds": periodic.every_seconds}))


def start_periodic(scope: Scope) -> None:
    """Ask for the periodic jobs that are due; one that still runs is not asked for twice."""
    now = clock.now()
    with transaction(scope) as live:
        query = sa.select(PeriodicRow).where(PeriodicRow.next_at <= now).with_for_update(skip_locked=True)
        for row in live.scalars(query):
            if row.kind not in house().periodic:
                continue
            enqueue(scope, row.kind, key="periodic")
            row.last_at = now
            row.next_at = now + timedelta(seconds=row.every_seconds)


def ring_due(scope: Scope) -> None:
    """Ring for queues with due jobs: a lost Redis, or a bell that nobody heard, delays work by a tick and loses none."""
    with transaction(scope):
        query = sa.select(JobRow.queue).where(JobRow.state == "queued", JobRow.run_at <= clock.now()).distinct()
        queues = list(session(scope).scalars(query))
    for queue in queues:
        bell().ring(queue)


def forget_relayed(scope: Scope) -> None:
    """Delete events that were told a while ago. May be repeated."""
    with transaction(scope):
        session(scope).execute(sa.delete(OutboxRow).where(OutboxRow.relayed_at < clock.now() - KEEP_RELAYED))
