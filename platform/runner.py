"""Runs jobs from the table: claim in one transaction, run, record in another. A worker that dies leaves a claim that lapses."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from posthouse.platform import clock, logs, stopping
from posthouse.platform.app import bell, house, running_app
from posthouse.platform.db import session, transaction
from posthouse.platform.deadline import at_most
from posthouse.platform.errors import AppError
from posthouse.platform.jobs import QUEUE, Job, next_attempt, scope_of
from posthouse.platform.scope import Scope, system
from posthouse.platform.tables import JobRow

CLAIM = timedelta(seconds=30)  # a claim lapses so soon after its worker's death; a live worker extends it
EXTEND_EVERY_SECONDS = 8.0
WAIT_SECONDS = 1.0
ERROR_LENGTH = 2_000

_CLAIM = sa.text(
    "UPDATE job SET state = 'running', attempts = attempts + 1, claimed_by = :owner, claimed_until = :until"
    " WHERE id = (SELECT id FROM job WHERE queue = :queue AND state = 'queued' AND run_at <= :now"
    " ORDER BY run_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id"
)
_EXTEND = sa.text("UPDATE job SET claimed_until = :until WHERE id = :id AND claimed_by = :owner AND state = 'running'")
_FINISH = sa.text(
    "UPDATE job SET state = :state, finished_at = :finished, run_at = coalesce(:run_at, run_at), last_error = :error,"
    " claimed_by = NULL, claimed_until = NULL WHERE id = :id AND claimed_by = :owner AND state = 'running'"
)
# A death or two may be a deploy's. A job that kills one worker after the other comes back ever later, and in the end no more.
_DEATHS_FREE, _DEATHS_MOST = 3, 20
_LAPSED = sa.text(
    f"UPDATE job SET state = CASE WHEN attempts < {_DEATHS_MOST} THEN 'queued' ELSE 'failed' END, claimed_by = NULL, claimed_until = NULL,"
    f" finished_at = CASE WHEN attempts < {_DEATHS_MOST} THEN NULL ELSE CAST(:now AS timestamptz) END,"
    " run_at = CAST(:now AS timestamptz) + interval '1 second' *"
    f" CASE WHEN attempts <= {_DEATHS_FREE} THEN 0 ELSE least(5 * power(4, least(attempts - {_DEATHS_FREE} - 1, 10)), 3600) END,"
    " last_error = 'the worker died or lost the database while it ran' WHERE state = 'running' AND claimed_until < :now"
    " RETURNING queue, kind, state"
)


def owner_name() -> str:
    """Name this process among all hosts."""
    return f"{socket.gethostname()}:{os.getpid()}"


def work_jobs(until: float) -> None:
    """Run due jobs of the general queue until the monotonic instant `until`, waiting on the bell in between."""
    while clock.monotonic() < until and not stopping.asked.is_set():
        if run_one(QUEUE):
            continue
        bell().wait(QUEUE, min(WAIT_SECONDS, max(until - clock.monotonic(), 0.01)))


def run_due(queue: str = QUEUE, *, limit: int = 10_000) -> int:
    """Run due jobs until none is due; return how many ran. For commands and tests."""
    for count in range(limit):
        if not run_one(queue):
            return count
    return limit


def run_one(queue: str) -> bool:
    """Claim and run one due job; say whether there was one."""
    scope = system("jobs")
    owner = f"{owner_name()}:{threading.get_ident()}"
    claimed = _claim(scope, queue, owner)
    if claimed is None:
        return False
    row_scope, job_id, kind, args, attempts = claimed
    with logs.bound_contextvars(job=job_id, kind=kind, tenant=row_scope.tenant_id, request=row_scope.request_id):
        problem = _run(row_scope, job_id, kind, args, owner)
        _record(scope, job_id, owner, problem, attempts=attempts, declared=house().jobs.get(kind))
    return True


def _claim(scope: Scope, queue: str, owner: str) -> tuple[Scope, int, str, dict[str, Any], int] | None:
    now = clock.now()
    with transaction(scope) as live:
        job_id = live.execute(_CLAIM, {"owner": owner, "until": now + CLAIM, "queue": queue, "now": now}).scalar_one_or_none()
        if job_id is None:
            return None
        row = live.get_one(JobRow, job_id)
        return scope_of(row), row.id, row.kind, dict(row.args), row.attempts


def _run(scope: Scope, job_id: int, kind: str, args: dict[str, Any], owner: str) -> BaseException | None:
    declared = house().jobs.get(kind)
    if declared is None:
        return LookupError(f"no room declares the job {kind}")
    started = time.perf_counter()
    try:
        with _kept(job_id, owner), at_most(declared.timeout_seconds):
            declared.run(scope, **args)
    except Exception as problem:
        logs.get().warning("job.failed", problem=repr(problem), exc_info=not isinstance(problem, AppError))
        return problem
    logs.get().info("job.done", seconds=round(time.perf_counter() - started, 3))
    return None


@contextmanager
def _kept(job_id: int, owner: str) -> Iterator[None]:
    """Extend the claim while the job runs, from a thread with a connection of its own."""
    app = running_app()
    done = threading.Event()

    def extend() -> None:
        while not done.wait(EXTEND_EVERY_SECONDS):
            try:
                with app.app_context(), transaction(system("jobs")) as live:
                    live.execute(_EXTEND, {"until": clock.now() + CLAIM, "id": job_id, "owner": owner})
            except sa.exc.SQLAlchemyError as problem:
                logs.get().warning("job.claim_not_extended", job=job_id, problem=str(problem))

    keeper = threading.Thread(target=extend, name=f"keep-{job_id}", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()


def _record(scope: Scope, job_id: int, owner: str, problem: BaseException | None, *, attempts: int, declared: Job | None) -> None:
    over = problem is None or declared is None or attempts >= declared.max_attempts
    state = "done" if problem is None else "failed" if over else "queued"
    with transaction(scope) as live:
        live.execute(
            _FINISH,
            {
                "state": state,
                "finished": clock.now() if over else None,
                "run_at": None if over else next_attempt(attempts),
                "error": None if problem is None else f"{type(problem).__name__}: {problem}"[:ERROR_LENGTH],
                "id": job_id,
                "owner": owner,
            },
        )
    if state == "failed":
        logs.get().error("job.given_up", attempts=attempts, problem=repr(problem))


def requeue_lapsed(scope: Scope) -> None:
    """Put jobs back whose worker died; the scheduler does it each second. May be repeated."""
    with transaction(scope):
        lapsed = session(scope).execute(_LAPSED, {"now": clock.now()}).all()
    for row in lapsed:
        if row.state == "failed":
            logs.get().error("job.given_up", kind=row.kind, problem="it killed its workers")
    for queue in {row.queue for row in lapsed}:
        bell().ring(queue)
