"""Shifts: RQ gives a worker process a stretch of time on one queue; within it the process works from the tables.

RQ is process management and wake-up only. Its payload is the queue's name, serialised as JSON (its default, pickle, would
let whoever writes to Redis run code). Each worker listens on exactly one RQ queue: with several, RQ can lose a job.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import random
import signal
import time
from functools import lru_cache

import redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import Queue, Worker, worker_registration
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer

from posthouse.platform import clock, lifeline, logs, stopping
from posthouse.platform.app import Core, create_core, house, settings
from posthouse.platform.db import dispose_after_fork
from posthouse.platform.scope import Scope
from posthouse.platform.settings import from_environment

GRACE_SECONDS = 75  # RQ ends a shift that has not come back so long after its end and its last job's
RESULT_SECONDS = 60
PATIENCE_SECONDS = 60.0  # a worker that never reached Redis ends after so long, and says why
AGAIN_SECONDS = 1.0
LOOK_SECONDS = 0.1
_UNBORN = "starting"  # what RQ calls a worker that Redis has not heard of
_LENGTHS = (0.7, 1.0)  # of a shift's seconds: workers of a queue don't all change shifts at once, so that one of them always works

_forked_app: Core | None = None
_parent = 0
_stopped: mmap.mmap | None = None  # one byte that a worker and its forked children see: 1 once the worker was asked to stop


class ShiftWorker(Worker):
    """A worker that passes SIGTERM on to the shift at work, which then finishes what is begun; RQ alone would wait it out."""

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        # A Redis that came back empty knows no worker, and the scheduler offers no shift to one that Redis does not know.
        if pipeline is None and not self.connection.sismember(self.redis_workers_keys, self.key):
            with self.connection.pipeline() as again:
                again.hset(self.key, mapping=self.serialize() | {"state": self._state})
                worker_registration.register(self, again)
                again.execute()
        super().heartbeat(timeout, pipeline)

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        # A lost Redis is no reason to leave the shift at work, which needs it for nothing but bells.
        with contextlib.suppress(RedisError):
            super().maintain_heartbeats(job, execution)

    def handle_warm_shutdown_request(self) -> None:
        # A child just forked may not hear the signal yet, or be unknown here yet: it looks at the byte before it begins.
        if _stopped is not None:
            _stopped[0] = 1
        if self.horse_pid:
            self.kill_horse(signal.SIGTERM)


def workers_by_queue() -> dict[str, int]:
    """Return how many workers live on each queue, by what Redis heard of them. Raises: RedisError."""
    found = Worker.all(connection=rq_connection(settings().redis_url))
    counts: dict[str, int] = {}
    for worker in found:
        for name in worker.queue_names():
            counts[name] = counts.get(name, 0) + 1
    return counts


def offer_shifts(_scope: Scope) -> None:
    """Queue a shift for every idle worker; the scheduler does it each second, so a lost one is made up for."""
    try:
        connection = rq_connection(settings().redis_url)
        for name in house().shifts:
            queue = Queue(name, connection=connection, serializer=JSONSerializer)
            idle = sum(1 for worker in Worker.all(queue=queue) if worker.get_state() == "idle")
            for _ in range(idle - queue.count):
                offer(name)
    except RedisError as problem:
        logs.get().warning("shifts.not_offered", problem=str(problem))


def offer(name: str) -> None:
    """Queue one shift. Raises: RedisError."""
    queue = Queue(name, connection=rq_connection(settings().redis_url), serializer=JSONSerializer)
    # A job may begin in the shift's last moment, and then has its own time.
    longest = max((job.timeout_seconds for job in house().jobs.values() if job.queue == name), default=0)
    limit = house().shifts[name].seconds + longest + GRACE_SECONDS
    queue.enqueue("posthouse.platform.shifts.work", name, job_timeout=limit, result_ttl=RESULT_SECONDS, failure_ttl=RESULT_SECONDS)


def work(name: str) -> None:
    """Work one shift; RQ calls it in the forked child."""
    if _parent:
        lifeline.end_with_parent(_parent)
    stopping.heed_signals()
    if _is_stopped():
        return
    app = _app()
    dispose_after_fork(app)
    with app.app_context(), logs.bound_contextvars(queue=name):
        shift = house().shifts[name]
        shift.run(clock.monotonic() + shift.seconds * random.uniform(*_LENGTHS))  # noqa: S311 - no secret
        if stopping.asked.is_set():
            return
        try:
            offer(name)
        except RedisError as problem:
            logs.get().warning("shifts.not_offered", problem=str(problem))


def prepare(app: Core) -> None:
    """Keep the parent's app and number for its forked children, so that a shift does not build it anew nor outlives it.

    The shared byte is made here and not when the module is loaded: workers of one nursery would share it.
    """
    global _forked_app, _parent, _stopped
    _forked_app, _parent, _stopped = app, os.getpid(), mmap.mmap(-1, 1)


def _app() -> Core:
    if _forked_app is None:
        prepare(create_core(from_environment(), process="worker"))
    if _forked_app is None:
        raise RuntimeError("the worker has no app")
    return _forked_app


@lru_cache(maxsize=2)
def rq_connection(url: str) -> redis.Redis:
    """Return the connection that RQ uses; it wants bytes and no socket timeout."""
    return redis.Redis.from_url(url, health_check_interval=30)


def run_worker(app: Core, name: str) -> None:
    """Be a worker of one queue until a signal ends it; a Redis that restarts is waited for. Raises: RedisError when it was never reached."""
    prepare(app)
    began, end = False, clock.monotonic() + PATIENCE_SECONDS
    with contextlib.suppress(StopRequested):
        while not _is_stopped():
            worker, problem = None, "RQ gave up"
            try:
                worker = _worker(app, name)
                worker.work(logging_level="WARNING")
            except RedisError as lost:
                problem = str(lost)
                if not began and _is_unborn(worker) and clock.monotonic() >= end:
                    raise
            if os.getpid() != _parent:
                os._exit(1)  # a shift's process whose work raised before RQ heeded it
            began = began or not _is_unborn(worker)
            if not _is_stopped():
                # RQ ends its loop wherever it misses Redis but for the wait for work.
                logs.get().warning("shifts.worker_again", queue=name, problem=problem[:200])
                _leave(worker)


def _is_stopped() -> bool:
    return _stopped is not None and _stopped[0] != 0


def _worker(app: Core, name: str) -> ShiftWorker:
    connection = rq_connection(app.extensions["posthouse_settings"].redis_url)
    queue = Queue(name, connection=connection, serializer=JSONSerializer)
    return ShiftWorker([queue], connection=connection, serializer=JSONSerializer, maintenance_interval=60)


def _is_unborn(worker: ShiftWorker | None) -> bool:
    return worker is None or worker.get_state() == _UNBORN


def _leave(worker: ShiftWorker | None) -> None:
    """Let the shift of a worker that gave up end, and what else it holds; then rest a little."""
    if worker is not None:
        with contextlib.suppress(RedisError):
            worker.unsubscribe()  # type: ignore[no-untyped-call]
        _end_shift(worker.horse_pid)
    time.sleep(AGAIN_SECONDS)


def _end_shift(child: int) -> None:
    end = clock.monotonic() + GRACE_SECONDS
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        if child:
            os.kill(child, signal.SIGTERM)
            while os.waitpid(child, os.WNOHANG) == (0, 0):
                if clock.monotonic() > end:
                    os.kill(child, signal.SIGKILL)
                time.sleep(LOOK_SECONDS)
