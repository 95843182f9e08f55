"""Works a stream's lane for a stretch of time: claim, send, settle, lease after lease, on warm connections."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import threading
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from posthouse.platform import clock, logs, loops, stopping, yielding
from posthouse.platform.app import Core, bell, running_app, settings
from posthouse.platform.db import transaction
from posthouse.platform.scope import Scope, system
from posthouse.sending.delivery import hosts, keeping, stops, sweeper, turns
from posthouse.sending.delivery.claiming import WORK_SECONDS, Claimed, Place, claim
from posthouse.sending.delivery.desk import LOW_WATER, Composes, Consignment
from posthouse.sending.delivery.holding import Holding
from posthouse.sending.delivery.journal import JournalFailed
from posthouse.sending.delivery.outlet import Outlet
from posthouse.sending.delivery.records import Mark
from posthouse.sending.delivery.settlement import Settled, settle
from posthouse.sending.delivery.sizing import Sizes

OPEN_MESSAGES = 800  # at most about so many under lease at once, so that a stop or a death concerns few
OPEN_LEASES = 40  # single messages come one a lease, and a slow server must not hold up those for another
BELL_SECONDS = 1.0
BELL_AT_WORK_SECONDS = 0.2
LOOK_SECONDS = 0.25  # without news, routes that rested are tried again after so long
KEEP_SECONDS = 1.0
AFTER_END_SECONDS = 10.0  # after the stretch's end what is claimed may still leave for so long
SETTLE_AGAIN_SECONDS = 0.5
ROUTES_SECONDS = 2.0  # changes of routes are noticed after this
GC_OBJECTS = 20_000
NOT_MADE = "The message could not be made. It is tried again later."

T = TypeVar("T")
# Makes what composes a lease's messages; a text instead of a composer says why a revision can't be sent.
Loader = Callable[[Claimed], dict[int, Composes | str]]


def work(stream: str, until: float) -> None:
    """Work the lane until the monotonic instant `until`; a termination signal ends it early and cleanly."""
    # What the process was born with is never garbage, and what a lease makes lives as long as the lease: looking through both
    # again and again took a fifth of the time between two signatures.
    gc.freeze()
    gc.set_threshold(GC_OBJECTS, 20, 100)
    if stream == "marketing":
        yielding.step_back()
    loops.run(LaneWorker(running_app(), stream, until).run())


class LaneWorker:
    """One process's stretch on a lane."""

    def __init__(self, app: Core, stream: str, until: float, *, load: Loader | None = None) -> None:
        self._load = load or keeping.composers_of
        self._app = app
        self._stream = stream
        self._until = until
        folder = hosts.folder()
        self._place = Place(folder, hosts.host_name(folder), f"{os.getpid()}")
        self._holding = Holding(self._place, stream, self._in_thread)
        self._workers = max(1, int(getattr(settings(), f"workers_{stream}")))
        self._outlets: dict[int, Outlet] = {}
        self._outlets_until: dict[int, float] = {}
        self._sizes = Sizes()
        self._at_work: set[Consignment] = set()
        self._settling: set[asyncio.Task[None]] = set()
        self._notes = keeping.Notes()
        self._news = asyncio.Event()  # a lease is settled, little waits, or the end is near

    async def run(self) -> None:
        """Claim and send until the end, then bring what was claimed to its end."""
        if threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._heed)
        keepers = [asyncio.create_task(self._keep()), asyncio.create_task(self._holding.keep(self._outlets))]
        try:
            while not self._over:
                await self._round()
            while self._at_work or self._settling:
                await asyncio.sleep(0.02)
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            await asyncio.gather(*(outlet.close() for outlet in self._outlets.values()))
            # Where somebody holds the tables it ends without: the outcomes are settled, these are figures.
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                await self._in_thread(self._note_ways)
            await self._holding.end()

    def _heed(self) -> None:
        stopping.asked.set()
        self._end_now()

    def _end_now(self) -> None:
        self._until = clock.monotonic()
        self._news.set()
        for consignment in self._at_work:
            consignment.release()

    @property
    def _over(self) -> bool:
        return stopping.asked.is_set() or clock.monotonic() >= self._until

    async def _round(self) -> None:
        # Claimed ahead while little waits, so that connections never stand idle.
        self._news.clear()
        # What waits for permits keeps nobody else waiting.
        waiting = sum(outlet.desk.waiting for outlet in self._outlets.values() if not outlet.crowded)
        if self._full or waiting >= LOW_WATER:
            await self._hear()
        elif not await self._claim():
            await self._in_thread(lambda: bell().wait(self._stream, BELL_AT_WORK_SECONDS if self._at_work else BELL_SECONDS))
        for outlet in self._outlets.values():
            outlet.staff()

    @property
    def _full(self) -> bool:
        return len(self._at_work) >= OPEN_LEASES or sum(len(one.claimed.cards) for one in self._at_work) >= OPEN_MESSAGES

    async def _hear(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), min(LOOK_SECONDS, max(self._until - clock.monotonic(), 0.0)))

    async def _claim(self) -> bool:
        """Claim for whoever's turn it is; False when nobody is due."""
        try:
            turn = await self._in_thread(self._turn)
            if turn is None:
                return False
            resting = self._resting
            claimed = await self._in_thread(
                lambda: claim(turn, stream=self._stream, place=self._place, sharers=self._workers, resting=resting, sizes=self._sizes)
            )
            if claimed is not None:
                await self._take(claimed)
        except (sa.exc.SQLAlchemyError, JournalFailed) as problem:
            logs.get().warning("lane.claim_failed", stream=self._stream, problem=repr(problem))
            await asyncio.sleep(BELL_SECONDS)
        return True

    @property
    def _resting(self) -> list[int]:
        """Pools for which nothing is to be claimed now."""
        return [pool for pool, outlet in self._outlets.items() if not outlet.open or outlet.crowded or outlet.starved]

    def _turn(self) -> Scope | None:
        resting = self._resting
        scope = system("delivery")
        with transaction(scope):
            return turns.next_turn(scope, stream=self._stream, without=resting)

    async def _take(self, claimed: Claimed) -> None:
        """Put a fresh lease to work. Whatever fails here, the lease is settled: nothing of it has left."""
        work_until = min(clock.monotonic() + WORK_SECONDS, self._until + AFTER_END_SECONDS)
        consignment = Consignment(claimed, {}, work_until=work_until)
        self._at_work.add(consignment)
        self._watch(consignment)
        try:
            made = await self._in_thread(lambda: self._load(claimed))
            outlet = await self._outlet(claimed.pool_id, claimed.scope)
        except sa.exc.SQLAlchemyError as problem:
            logs.get().warning("lane.claim_released", lease=claimed.lease_id, problem=repr(problem))
            consignment.release()
            return
        except Exception as problem:  # one tenant's key that does not open, say, is no reason to stop sending for all
            logs.get().error("lane.not_made", lease=claimed.lease_id, tenant=claimed.scope.tenant_id, exc_info=problem)
            consignment.put_off(NOT_MADE)
            return
        consignment.equip(made)
        if stopping.asked.is_set() or not outlet.open:  # asked while the lease was made
            consignment.release()
            return
        outlet.desk.add(consignment)

    async def _outlet(self, pool_id: int, scope: Scope) -> Outlet:
        known = self._outlets.get(pool_id)
        if known is not None and clock.monotonic() < self._outlets_until[pool_id]:
            return known
        now_known = await self._in_thread(lambda: keeping.known(scope, pool_id))
        self._outlets_until[pool_id] = clock.monotonic() + ROUTES_SECONDS
        if known is not None:
            known.renew(now_known, workers=self._workers)
            return known
        self._outlets[pool_id] = Outlet(
            pool_id,
            now_known,
            workers=self._workers,
            aside=self._in_thread,
            may_probe=self._may_probe,
            slots=self._holding.slots,
            tell_low=self._news.set,
            brisk=self._stream == "transactional",
        )
        return self._outlets[pool_id]

    async def _may_probe(self, route_id: int) -> bool:
        try:
            return await self._in_thread(lambda: keeping.may_probe(route_id))
        except sa.exc.SQLAlchemyError:
            return False

    def _watch(self, consignment: Consignment) -> None:
        task = asyncio.create_task(self._settle(consignment))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle(self, consignment: Consignment) -> None:
        began = clock.monotonic()
        await consignment.done.wait()
        claimed = consignment.claimed
        self._sizes.note(claimed.pool_id, messages=len(consignment.records), seconds=clock.monotonic() - began)
        outlet = self._outlets.get(claimed.pool_id)
        if outlet is not None and consignment in outlet.desk.consignments:
            outlet.desk.consignments.remove(consignment)
        again = False
        while True:
            try:
                how = await self._in_thread(
                    lambda: settle(claimed.scope, lease_id=claimed.lease_id, word=consignment.records.get, by=self._place.worker)
                )
                break
            except sa.exc.SQLAlchemyError as problem:
                again = True
                logs.get().warning("lane.settle_again", lease=claimed.lease_id, problem=repr(problem))
                await asyncio.sleep(SETTLE_AGAIN_SECONDS)
            except Exception as problem:  # its journal says all; the sweeper takes it up
                logs.get().error("lane.not_settled", lease=claimed.lease_id, exc_info=problem)
                self._close(consignment)
                claimed.journal.close()
                return
        if how is Settled.BEFORE and not again:
            # We were given up for lost: what was taken stands as unknown, and may have been sent a second time.
            taken = sum(record.mark is Mark.SENT for record in consignment.records.values())
            logs.get().error("lane.settled_late", lease=claimed.lease_id, taken=taken)
        self._close(consignment)
        claimed.journal.remove()

    def _close(self, consignment: Consignment) -> None:
        self._at_work.discard(consignment)
        self._notes.count(consignment.claimed.pool_id, len(consignment.records))
        self._news.set()

    async def _keep(self) -> None:
        """Every second: sync journals, hear of stops, end what is late, take up what the dead left, note how routes do."""
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            try:
                for consignment in list(self._at_work):
                    self._tend(consignment)
                await self._in_thread(self._keep_tables)
                for pool_id in list(self._outlets):
                    await self._outlet(pool_id, system("delivery"))
            except sa.exc.SQLAlchemyError as problem:
                logs.get().warning("lane.keeper", problem=repr(problem))
            except Exception as problem:  # without it no stop would be heard any more
                logs.get().error("lane.keeper", exc_info=problem)

    def _tend(self, consignment: Consignment) -> None:
        try:
            consignment.claimed.journal.sync()
        except JournalFailed as failure:
            logs.get().error("journal.failed", lease=consignment.claimed.lease_id, problem=str(failure))
            consignment.halted_all = True
        outlet = self._outlets.get(consignment.claimed.pool_id)
        late = clock.monotonic() >= consignment.work_until
        if late or consignment.halted_all or (outlet is not None and (not outlet.open or outlet.starved)):
            consignment.release()
        elif outlet is not None:
            outlet.let_go(consignment)

    def _keep_tables(self) -> None:
        stops.look(list(self._at_work))
        sweeper.sweep_folder(self._place.folder)
        self._note_ways()

    def _note_ways(self) -> None:
        self._notes.write(self._place.host, [way for outlet in list(self._outlets.values()) for way in outlet.ways])

    async def _in_thread(self, act: Callable[[], T]) -> T:
        """Run database work beside the loop, with an application context and so a session of its own."""

        def run() -> T:
            with self._app.app_context():
                return act()

        return await asyncio.to_thread(run)
