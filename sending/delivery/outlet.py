"""A pool's way out of one worker: its routes with their connections, kept warm, slowed down and rested as they deserve."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from posthouse.platform import clock
from posthouse.sending.delivery.channel import Channel, Pace
from posthouse.sending.delivery.conversation import End, Ended, converse
from posthouse.sending.delivery.desk import Consignment, Desk
from posthouse.sending.delivery.feed import RouteFeed
from posthouse.sending.delivery.gate import Connection
from posthouse.sending.delivery.meter import Aside
from posthouse.sending.delivery.slots import Claims, Slots
from posthouse.sending.delivery.smtp import DoorShut
from posthouse.sending.delivery.staffing import SOON_SECONDS, wish
from posthouse.sending.delivery.ways import Way
from posthouse.sending.pools.queries import RouteLogin
from posthouse.sending.rates.queries import ByGroup, HoldCard
from posthouse.sending.rates.rules import AHEAD_SECONDS, NONE, WHOLE

IDLE_SECONDS = 5.0
WARM_SECONDS = 30.0  # one connection for single messages stays warm for longer, unless others want it
TROUBLE_AFTER = 3  # connections in a row that ended without a single answer to a message
HOLD_SECONDS = 5.0  # what may leave only after this isn't kept under lease
BREATH_SECONDS = 0.005
PROBE_SECONDS = 1.0  # another worker tries a route that failed: how it went is known after this


class Known(NamedTuple):
    """What the tables say of a pool: its routes, their limits, and what of them rests."""

    logins: Sequence[RouteLogin]
    limits: Mapping[int, ByGroup]
    holds: Sequence[HoldCard]


# Asks whether this worker may be the one to try a route that failed.
MayProbe = Callable[[int], Awaitable[bool]]
# Makes what a worker knows of a route's connections.
MakeSlots = Callable[[int], Slots]


class Outlet:
    """The ways of one pool and the desk that they serve."""

    def __init__(
        self,
        pool_id: int,
        known: Known,
        *,
        workers: int,
        aside: Aside,
        may_probe: MayProbe,
        slots: MakeSlots,
        tell_low: Callable[[], None],
        brisk: bool = False,
    ) -> None:
        self.pool_id = pool_id
        self.desk = Desk(tell_low=tell_low)
        self.closing = False
        self.ways: list[Way] = []
        self._aside = aside
        self._may_probe = may_probe
        self._slots = slots
        self._claims: Mapping[int, Claims] = {}
        self._brisk = brisk  # for single messages: whatever is free is used, and the last connection stays warm
        self._leaving: list[Way] = []
        self.renew(known, workers=workers)

    def renew(self, known: Known, *, workers: int) -> None:
        """Take changed routes over; those that go on keep what is known of them, those that are gone finish what they have."""
        before = {way.login.card.id: way for way in self.ways}
        self.ways = [self._renewed(before.get(login.card.id), login, known, workers) for login in known.logins]
        kept = {id(way) for way in self.ways}
        for way in before.values():
            way.gone = id(way) not in kept
            if way.gone:
                self._leaving.append(way)
        self._leaving = [way for way in self._leaving if way.tasks or not way.slots.idle]

    def _renewed(self, way: Way | None, login: RouteLogin, known: Known, workers: int) -> Way:
        card = login.card
        limits = known.limits.get(card.id, {})
        limit = min(card.max_connections, limits.get(WHOLE, NONE).connections or card.max_connections)
        most = limit if self._brisk else max(1, limit // workers)
        if way is None or not way.login.same_door(login) or way.login.card.warming is not card.warming:
            way = Way(login, limit, most, self._aside, self._slots(card.id), workers, limits)
        elif way.login.card.parked_until is not None and card.parked_until is None and not way.trouble:
            way.failures, way.rests_until = 0, 0.0  # it worked elsewhere, or a person ended its rest
        elif card.failures > way.failures and card.parked_until is not None:
            way.failures = card.failures  # it failed elsewhere
            way.rests_until = max(way.rests_until, clock.monotonic() + (card.parked_until - clock.now()).total_seconds())
        way.login, way.limit, way.most = login, limit, most
        way.take_limits(limits, sharers=workers)
        way.hear_holds([hold for hold in known.holds if hold.route_id == card.id])
        return way

    @property
    def open(self) -> bool:
        """Whether any route may be tried."""
        return any(way.open for way in self.ways)

    def pause_seconds(self, group: str = WHOLE) -> float:
        """After how many seconds anything may leave (to one mailbox provider, where given), as far as that is known."""
        return min((way.blocked(group) for way in self.ways if way.open), default=0.0)

    @property
    def crowded(self) -> bool:
        """Whether more waits already than its limits let out soon."""
        if not any(way.meters for way in self.ways):
            return False
        return self.pause_seconds() > SOON_SECONDS or self.desk.waiting >= self.room

    @property
    def room(self) -> float:
        """How many messages are worth holding under lease."""
        return sum(way.limits.get(WHOLE, NONE).per_second_at_most * AHEAD_SECONDS for way in self.ways if way.open) or 1.0

    def staff(self) -> None:
        """Open as many connections as the waiting messages are worth, shared by the routes' weights."""
        if self.closing:
            return
        lanes: dict[int | None, list[Way]] = {}
        for way in self.ways:
            if way.open and way.blocked(WHOLE) < SOON_SECONDS:
                lanes.setdefault(way.lane, []).append(way)
        for lane, ways in lanes.items():
            waiting = self.desk.waiting_for(lane)
            for way in ways if waiting else ():
                wanted = wish(way, ways, waiting)
                if wanted > way.may_have:
                    self._ask(way, wanted)
                for _ in range(min(wanted, way.may_have) - len(way.tasks)):
                    task = asyncio.create_task(self._serve(way))
                    way.tasks.add(task)
                    task.add_done_callback(way.tasks.discard)

    def let_go(self, consignment: Consignment) -> None:
        """Hold nothing under lease that may leave only later: others would wait for its end, a stop would concern it."""
        if self.pause_seconds() > HOLD_SECONDS:
            consignment.release()
            return
        for group in consignment.groups:
            if self.pause_seconds(group) > HOLD_SECONDS:
                consignment.release(group)

    @property
    def starved(self) -> bool:
        """Whether other workers have all connections that there may be, so that nothing can leave from here."""
        ways = [way for way in self.ways if way.open]
        return bool(ways) and all(way.slots.starved(WHOLE) and not way.tasks for way in ways)

    def _ask(self, way: Way, wanted: int) -> None:
        if way.asking_slots is None or way.asking_slots.done():
            way.asking_slots = asyncio.create_task(self._ask_beside(way, wanted))

    async def _ask_beside(self, way: Way, wanted: int) -> None:
        before = way.may_have
        await way.slots.ask(WHOLE, wanted)
        self._heard_slots(way)
        if way.may_have > before:
            self.staff()

    def _heard_slots(self, way: Way) -> None:
        way.may_have = way.slots.allowed(WHOLE)
        if way.crowded:
            self.desk.work.set()  # the idle ones go first
        if self.starved:
            for consignment in list(self.desk.consignments):
                consignment.release()

    async def tend_slots(self, claims: Mapping[int, Claims]) -> None:
        """Hold on to the connections that are used, hand back the others, make room for other workers. Every second."""
        self._claims = claims
        for way in [*self.ways, *self._leaving]:
            if not way.slots.idle:
                await self._tend_slots(way)

    async def _tend_slots(self, way: Way) -> None:
        waiting = {} if way.gone else self.desk.waiting_for(way.lane)
        of_lane = [one for one in self.ways if one.open and one.lane == way.lane] or [way]
        wanted = {group: min(count, len(way.tasks)) for group, count in waiting.items()}
        wanted[WHOLE] = wish(way, of_lane, waiting) if waiting else way.busy
        claims = self._claims.get(way.login.card.id, {})
        await way.slots.tick(claims, {**way.users, WHOLE: len(way.tasks)}, wanted)
        self._heard_slots(way)

    async def _serve(self, way: Way) -> None:
        """Be one connection of a route until there is no work for a while, or the route needs a rest."""
        channel: Channel | None = None
        barren = 0
        gate = Connection(way, self.ways)
        try:
            if way.half_open and not await self._may_probe(way.login.card.id):
                way.rests_until = clock.monotonic() + PROBE_SECONDS
                return
            while way.open and not way.gone and not way.crowded and await self._work(way, gate):
                if channel is None or not channel.alive:
                    way.channels -= channel is not None
                    channel = None
                    channel = await way.connect()
                    gate.anew()
                feed = RouteFeed(self.desk, way.login.card.id, lane=way.lane, preamble=way.login.card.preamble, gate=gate)
                # After a failure a single letter shows whether the route is well again.
                probe = way.half_open
                way.busy += 1
                try:
                    end = await converse(channel, feed, most=channel.begun + 1 if probe else way.login.card.messages_per_connection)
                finally:
                    way.busy -= 1
                barren = 0 if feed.finished else barren + 1
                self._learn(way, channel, end, feed, hopeless=probe or barren >= TROUBLE_AFTER)
                if self._spent(way, gate, end, probe=probe and feed.finished > 0):
                    await channel.quit()
                elif end.why is Ended.DRAINED and not feed.finished:
                    await asyncio.sleep(BREATH_SECONDS)  # what seemed to wait was taken by another connection
        except DoorShut as shut:
            way.shut_out(shut)
        finally:
            await self._end(way, channel)

    async def _end(self, way: Way, channel: Channel | None) -> None:
        # Counted no more among those that may be too many, or the others would follow; held until it is closed.
        way.ending += 1
        way.channels -= channel is not None
        try:
            if channel is not None:
                await channel.quit()
        finally:
            way.ending -= 1
            way.tasks.discard(asyncio.current_task())
            if way.slots.pressed and not self.closing and (way.asking_slots is None or way.asking_slots.done()):
                way.asking_slots = asyncio.create_task(self._tend_slots(way))  # others wait for it

    @staticmethod
    def _learn(way: Way, channel: Channel, end: End, feed: RouteFeed, *, hopeless: bool) -> None:
        """Learn from a conversation how the route does."""
        if feed.finished:
            way.worked()
        if end.slow_down:
            way.pace = Pace(min(way.pace, max(channel.pace - 1, 0)))
        elif end.why is Ended.GONE and hopeless and not feed.finished:
            way.failed(end.detail)

    def _spent(self, way: Way, gate: Connection, end: End, *, probe: bool) -> bool:
        """Whether a connection has carried what it may, of everything or of what waits."""
        if end.why is Ended.SPENT and not probe:
            return True
        return not gate.free and gate.spent(self.desk.waiting_for(way.lane))

    async def _work(self, way: Way, gate: Connection) -> bool:
        """Wait until a letter may leave by the way; False when none does for a while."""
        began = clock.monotonic()
        while way.open and not way.gone and not self.closing and not way.crowded:
            waiting = self.desk.waiting_for(way.lane, gate)
            pause = (0.0 if way.free else await way.stock_up(waiting)) if waiting else math.inf
            if not pause:
                return True
            patience = WARM_SECONDS if self._brisk and len(way.tasks) - way.ending == 1 else 0.0
            left = began + max(IDLE_SECONDS, patience) - clock.monotonic()
            if left <= 0 or (pause > left and pause is not math.inf):
                return False
            if pause is math.inf:
                await self._news(left)
            else:
                await asyncio.sleep(pause)
        return False

    async def _news(self, seconds: float) -> None:
        self.desk.work.clear()
        # Not wait_for: told of news and of the end at once it would forget the end (python/cpython issue 86296).
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.desk.work.wait()

    async def close(self) -> None:
        """Let the connections come to their end and say goodbye."""
        self.closing = True
        self.desk.work.set()
        ways = [*self.ways, *self._leaving]
        tasks = [task for way in ways for task in way.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for way in ways:
            await way.close()
