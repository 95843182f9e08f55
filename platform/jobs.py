"""Later work: jobs are rows, written in the transaction that wants them, and run at least once by a worker.

A job's function gets a scope rebuilt from its row (tenant and reseller come from the row, never from the arguments) and
opens its own transactions. Running it twice is harmless, by its own making.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from posthouse.platform import clock
from posthouse.platform.bell import Bell
from posthouse.platform.db import after_commit, session
from posthouse.platform.running import carried
from posthouse.platform.scope import ALL_PERMISSIONS, Actor, Reach, Scope
from posthouse.platform.tables import JobRow

QUEUE = "jobs"


@dataclass(frozen=True, slots=True)
class Job:
    """A kind of later work. `run(scope, **args)` must be harmless when run twice."""

    kind: str
    run: Callable[..., None]
    queue: str = QUEUE
    max_attempts: int = 8
    timeout_seconds: int = 600


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    """Work that comes again. `run(scope)` gets a system scope."""

    kind: str
    run: Callable[[Scope], None]
    every_seconds: int
    timeout_seconds: int = 600


@dataclass(frozen=True, slots=True)
class Tick:
    """Something that the scheduler itself does every so often, in well under a second. `run(scope)` opens its own transactions."""

    name: str
    run: Callable[[Scope], None]
    every_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Shift:
    """How a worker of one queue spends its time: `run(until)` works until the monotonic instant `until`, then returns.

    `seconds` is the most that a shift lasts. Between two shifts of a worker lie some tenths of a second in which it hears nothing.
    """

    queue: str
    run: Callable[[float], None]
    seconds: int = 45


def enqueue(scope: Scope, kind: str, *, key: str | None = None, run_at: datetime | None = None, **args: Any) -> None:
    """Ask for a job in the open transaction; it exists if and only if that commits.

    `key`: at most one open job of the kind has it; asking again while one is open changes nothing. `run_at` None is at
    once. `args` are JSON, ids rather than content.
    """
    declared = declared_job(kind)
    now = clock.now()
    statement = (
        insert(JobRow)
        .values(
            kind=kind,
            queue=declared.queue,
            for_tenant_id=scope.tenant_id,
            for_reseller_id=scope.reseller_id,
            args=args,
            dedupe_key=key,
            run_at=run_at or now,
            created_at=now,
            request_id=scope.request_id,
            asked_by={"kind": scope.actor.kind, "id": scope.actor.id, "label": scope.actor.label, "reach": scope.reach},
        )
        .on_conflict_do_nothing(
            index_elements=["kind", "dedupe_key"],
            index_where=sa.text("dedupe_key IS NOT NULL AND state IN ('queued', 'running')"),
        )
    )
    session(scope).execute(statement)
    if run_at is None or run_at <= now:
        ring_after_commit(scope, declared.queue)


def ring_after_commit(scope: Scope, name: str) -> None:
    """Ring a queue's bell once the open transaction is committed."""
    bell: Bell = carried("bell")
    after_commit(scope, lambda: bell.ring(name))


def declared_job(kind: str) -> Job:
    """Return the declared job of a kind; asking for one that no room declares is a bug. Raises: KeyError."""
    jobs: dict[str, Job] = carried("house").jobs
    return jobs[kind]


def scope_of(row: JobRow) -> Scope:
    """Rebuild the scope of a job from its row."""
    asked = row.asked_by
    reach = Reach.TENANT if row.for_tenant_id is not None else Reach.RESELLER if row.for_reseller_id is not None else Reach.SYSTEM
    return Scope(
        actor=Actor("job", row.id, f"{row.kind} for {asked['label']}"),
        reach=reach,
        tenant_id=row.for_tenant_id,
        reseller_id=row.for_reseller_id,
        permissions=ALL_PERMISSIONS,
        reason=row.kind,
        request_id=row.request_id,
    )


def delay_seconds(attempts: int) -> int:
    """Say how long to wait after the n-th failed attempt: 5 s, 20 s, 80 s … at most an hour."""
    return int(min(5 * 4 ** max(attempts - 1, 0), 3600))


def next_attempt(attempts: int) -> datetime:
    """Say when a job that failed for the n-th time runs again."""
    return clock.now() + timedelta(seconds=delay_seconds(attempts))
