"""Take up what dead processes left: replay their journals, settle their leases; and give up the leases of lost hosts."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from posthouse.platform import clock, logs
from posthouse.platform.app import bell
from posthouse.platform.db import session, transaction
from posthouse.platform.scope import Scope
from posthouse.sending.delivery import hosts, journal, turns
from posthouse.sending.delivery.journal import Abandoned
from posthouse.sending.delivery.models import DeliveryHost, Lease
from posthouse.sending.delivery.records import Mark, Record
from posthouse.sending.delivery.settlement import Settled, settle

# A lease whose journal nobody can read any more is given up so long after its end.
LOST_AFTER = timedelta(minutes=10)
# A lease that is still held so long after its end is worth an operator's look: its process is stopped, or starved.
ALARM_AFTER = timedelta(minutes=1)
# Every second only what became due so lately is looked for.
LATELY = timedelta(minutes=10)
# A hidden file is younger than this while its claim may still give it its name.
UNNAMED_SECONDS = 600


def sweep(scope: Scope) -> int:
    """Settle the leases of dead processes on this host; returns how many journals were taken up. Every second, by anybody."""
    del scope
    return sweep_folder(hosts.folder())


def sweep_folder(folder: Path) -> int:
    """Do it for one folder. May be repeated and run by several at once: the lock decides."""
    taken = 0
    for found in journal.abandoned(folder):
        taken += 1
        done = False
        try:
            done = _settled(found)
        finally:
            found.journal.remove() if done else found.journal.close()
    journal.forget_unnamed(folder, older_than=clock.now().timestamp() - UNNAMED_SECONDS)
    return taken


def _settled(found: Abandoned) -> bool:
    """Settle from the journal; False leaves the file for the next round."""
    replay = found.replay
    if not replay.reseller_id:
        logs.get().error("sweep.unreadable", tenant=replay.tenant_id, lease=replay.lease_id)
        return False
    try:
        how = settle(turns.scope_for(replay.tenant_id, replay.reseller_id), lease_id=replay.lease_id, word=replay.of, by="sweeper")
    except sa.exc.SQLAlchemyError as problem:
        logs.get().warning("sweep.postponed", lease=replay.lease_id, problem=repr(problem))
        return False
    except Exception as problem:  # it waits for a person, and keeps none behind it waiting
        logs.get().error("sweep.failed", tenant=replay.tenant_id, lease=replay.lease_id, exc_info=problem)
        return False
    if how is Settled.INVISIBLE:
        # The holder may have died with its COMMIT on the way: the lease can still appear until then.
        return clock.now().timestamp() > replay.until
    logs.get().info("sweep.settled", tenant=replay.tenant_id, lease=replay.lease_id, how=how.value)
    return True


def give_up_lost(scope: Scope) -> int:
    """Settle leases whose host is gone, or whose journal is, as unknown; returns how many. A host that lives keeps its own."""
    now = clock.now()
    here = hosts.folder()
    me = hosts.host_name(here)
    with transaction(scope):
        hosts.note_seen(scope, me)
        seen = {row.host: row.seen_at for row in session(scope).execute(sa.select(DeliveryHost.host, DeliveryHost.seen_at))}
        query = sa.select(Lease.tenant_id, Lease.id, Lease.for_reseller_id, Lease.host, Lease.until)
        query = query.where(Lease.closed_at.is_(None), Lease.until < now - ALARM_AFTER).order_by(Lease.until).limit(1_000)
        overdue = session(scope).execute(query).all()
    silent = {host for host, at in seen.items() if _silent_seconds(host, at) > LOST_AFTER.total_seconds()}
    given_up = 0
    for tenant_id, lease_id, reseller_id, host, until in overdue:
        gone = not (here / f"{tenant_id}-{lease_id}").exists() if host == me else host in silent
        if not gone or until >= now - LOST_AFTER:
            logs.get().error("lease.overdue", tenant=tenant_id, lease=lease_id, host=host)
        else:
            logs.get().error("lease.lost", tenant=tenant_id, lease=lease_id, host=host)
            given_up += _gave_up(turns.scope_for(tenant_id, reseller_id), lease_id)
    return given_up


def _gave_up(scope: Scope, lease_id: int) -> bool:
    try:
        settle(scope, lease_id=lease_id, word=_nobody_knows, by="lost host")
    except Exception as problem:  # the next one is no worse for it
        logs.get().error("lease.not_given_up", tenant=scope.tenant_id, lease=lease_id, exc_info=problem)
        return False
    return True


# What each host last said, and since when (by the monotonic clock) this process has heard nothing newer. A clock that jumps makes no
# host silent, and a scheduler that has just begun listens first.
_heard: dict[str, tuple[datetime, float]] = {}


def _silent_seconds(host: str, said: datetime) -> float:
    known = _heard.get(host)
    if known is None or known[0] != said:
        known = _heard[host] = (said, clock.monotonic())
    return clock.monotonic() - known[1]


def _nobody_knows(message_id: int) -> Record:
    return Record(Mark.UNKNOWN, message_id, text="the host that held it is lost")


def wake(scope: Scope) -> None:
    """Ring for lanes with due work: a lost Redis or a bell that nobody heard delays by a tick and loses nothing."""
    _wake(scope, LATELY)


def wake_all(scope: Scope) -> None:
    """Do it for whatever became due at any time."""
    _wake(scope, None)


def _wake(scope: Scope, within: timedelta | None) -> None:
    with transaction(scope):
        streams = turns.wake_lanes(scope, within=within)
    for stream in streams:
        bell().ring(stream)
