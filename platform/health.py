"""How the installation does at this moment: what waits, since when, and who is at work. For the operator's eyes; the edge asks for the permission."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from redis.exceptions import RedisError

from posthouse.platform import clock
from posthouse.platform.app import settings
from posthouse.platform.db import session
from posthouse.platform.scope import Scope
from posthouse.platform.shifts import workers_by_queue

COUNTED = 10_000  # more are not counted: a number of five digits says all
LATE = timedelta(minutes=2)
_QUEUED = sa.text(
    "SELECT queue, count(*), min(run_at) FROM (SELECT queue, run_at FROM job WHERE state = 'queued' AND run_at <= :now LIMIT :most) AS j"
    " GROUP BY queue ORDER BY queue"
)
_FAILED = sa.text("SELECT count(*) FROM (SELECT FROM job WHERE state = 'failed' AND finished_at >= :since LIMIT :most) AS j")
_OUTBOX = sa.text("SELECT count(*), min(created_at) FROM (SELECT created_at FROM outbox_event WHERE relayed_at IS NULL LIMIT :most) AS o")
_PERIODIC = sa.text("SELECT kind, every_seconds, last_at, next_at FROM periodic_job ORDER BY kind")


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue of jobs: workers on it (None: nobody knows, Redis is away), due jobs, and since when the oldest waits."""

    name: str
    workers: int | None
    due: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Periodic:
    """One periodic job: when it ran last, and whether it should have run since."""

    kind: str
    every_seconds: int
    last_at: datetime | None
    late: bool


@dataclass(frozen=True, slots=True)
class Health:
    """What waits in the house. `news` are events that were not passed on yet; `free_bytes` None where the folder can't be looked at."""

    queues: tuple[Queue, ...]
    failed_today: int
    news: int
    oldest_news: datetime | None
    periodic: tuple[Periodic, ...]
    scheduler_alive: bool
    free_bytes: int | None
    disk_bytes: int | None


def look(scope: Scope, queues: tuple[str, ...]) -> Health:
    """Look at the tables' partial indexes and at Redis; nothing is counted beyond ten thousand."""
    live, now = session(scope), clock.now()
    waiting = {row[0]: (row[1], row[2]) for row in live.execute(_QUEUED, {"now": now, "most": COUNTED})}
    news, oldest = live.execute(_OUTBOX, {"most": COUNTED}).one()
    periodic = tuple(_periodic(kind, every, last, next_at, now) for kind, every, last, next_at in live.execute(_PERIODIC))
    failed = live.execute(_FAILED, {"since": now - timedelta(days=1), "most": COUNTED}).scalar_one()
    free, whole = _disk()
    return Health(
        queues=tuple(_queues(queues, waiting)),
        failed_today=failed,
        news=news,
        oldest_news=oldest,
        periodic=periodic,
        scheduler_alive=any(one.last_at is not None and now - one.last_at < LATE for one in periodic),
        free_bytes=free,
        disk_bytes=whole,
    )


def _queues(names: tuple[str, ...], waiting: dict[str, tuple[int, datetime]]) -> list[Queue]:
    try:
        workers: dict[str, int] | None = workers_by_queue()
    except RedisError:
        workers = None
    return [
        Queue(name, None if workers is None else workers.get(name, 0), *waiting.get(name, (0, None)))
        for name in [*names, *sorted(set(waiting) - set(names))]
    ]


def _periodic(kind: str, every_seconds: int, last_at: datetime | None, next_at: datetime, now: datetime) -> Periodic:
    return Periodic(kind, every_seconds, last_at, late=now - next_at > max(LATE, timedelta(seconds=every_seconds)))


def _disk() -> tuple[int | None, int | None]:
    try:
        found = shutil.disk_usage(settings().data)
    except OSError:
        return None, None
    return found.free, found.total
