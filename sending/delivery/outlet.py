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
from posthouse.sending.delivery.desk import Desk, RouteFeed
from posthouse.sending.delivery.meter import Aside
from posthouse.sending.delivery.smtp import Door, DoorShut, open_channel
from posthouse.sending.delivery.ways import Connection, Way
from posthouse.sending.pools.queries import RouteLogin
from posthouse.sending.rates.queries import ByGroup, HoldCard
from posthouse.sending.rates.rules import AHEAD_SECONDS, NONE, WHOLE

IDLE_SECONDS = 5.0
TROUBLE_AFTER = 3  # connections in a row that ended without a single answer to a message
MESSAGES_A_CONNECTION = 4  # so many waiting messages are worth another connection
SOON_SECONDS = 0.5  # a way that may send again so soon counts as one that may
BREATH_SECONDS = 0.005
PROBE_SECONDS = 1.0  # another worker tries a route that failed: how it went is known after this


class Known(NamedTuple):
    """What the tables say of a pool: its routes, their limits, and what of them rests."""

    logins: Sequence[RouteLogin]
    limits: Mapping[int, ByGroup]
    holds: Sequence[HoldCard]


# Asks whether this worker may be the one to try a route that failed.
MayProbe = Callable[[int], Awaitable[bool]]


class Outlet:
    """The ways of one pool and the desk that they serve."""

    def __init__(
        self, pool_id: int, known: Known, *, workers: int, aside: Aside, may_probe: MayProbe, tell_low: Callable[[], None]
    ) -> None:
        self.pool_id = pool_id
        self.desk = Desk(tell_low=tell_low)
        self.closing = False
        self.ways: list[Way] = []
        self._aside = aside
        self._may_probe = may_probe
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
        self._leaving = [way for way in self._leaving if way.tasks]

    def _renewed(self, way: Way | None, login: RouteLogin, known: Known, workers: int) -> Way:
        card = login.card
        limits = known.limits.get(card.id, {})
        most = max(1, min(card.max_connections, limits.get(WHOLE, NONE).connections or card.max_connections) // workers)
        if way is None or not way.login.same_door(login) or way.login.card.warming is not card.warming:
            way = Way(login, most, self._aside, workers, limits)
        elif way.login.card.parked_until is not None and card.parked_until is None and not way.trouble:
            way.failures, way.rests_until = 0, 0.0  # it worked elsewhere, or a person ended its rest
        elif card.failures > way.failures and card.parked_until is not None:
            way.failures = card.failures  # it failed elsewhere
            way.rests_until = max(way.rests_until, clock.monotonic() + (card.parked_until - clock.now()).total_seconds())
        way.login, way.most = login, most
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
        lanes: dict[int | None, list[Way]] = {}
        for way in self.ways:
            if way.open and way.blocked(WHOLE) < SOON_SECONDS:
                lanes.setdefault(way.lane, []).append(way)
        for lane, ways in lanes.items():
            waiting = self.desk.waiting_for(lane)
            if waiting:
                self._staff(ways, waiting)

    def _staff(self, ways: Sequence[Way], waiting: Mapping[str, int]) -> None:
        weights = sum(way.login.card.weight for way in ways)
        for way in ways:
            count = sum(count for group, count in waiting.items() if way.free or way.blocked(group) < SOON_SECONDS)
            share = math.ceil(math.ceil(count / MESSAGES_A_CONNECTION) * way.login.card.weight / weights)
            # A connection that speaks with a slow server is no help for what waits; one that is idle or being opened is.
            ready = len(way.tasks) - way.busy
            # Where permits are what is short, one connection that waits for them is enough.
            if ready and way.meters:
                continue
            most = 1 if way.half_open else _most(way, ways)
            for _ in range(min(share - ready, most - len(way.tasks))):
                task = asyncio.create_task(self._serve(way))
                way.tasks.add(task)
                task.add_done_callback(way.tasks.discard)

    async def _serve(self, way: Way) -> None:
        """Be one connection of a route until there is no work for a while, or the route needs a rest."""
        channel: Channel | None = None
        barren = 0
        gate = Connection(way, self.ways)
        try:
            if way.half_open and not await self._may_probe(way.login.card.id):
                way.rests_until = clock.monotonic() + PROBE_SECONDS
                return
            while way.open and not way.gone and await self._work(way, gate):
                if channel is None or not channel.alive:
                    way.channels -= channel is not None
                    channel = None
                    channel = await open_channel(door(way.login), pace=way.pace)
                    way.channels += 1
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
            if way.open:
                way.failed(shut.detail, lasting=not shut.temporary)
        finally:
            if channel is not None:
                way.channels -= 1
                await channel.quit()

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
        end = clock.monotonic() + IDLE_SECONDS
        while way.open and not way.gone and not self.closing:
            waiting = self.desk.waiting_for(way.lane, gate)
            pause = (0.0 if way.free else await way.stock_up(waiting)) if waiting else math.inf
            if not pause:
                return True
            left = end - clock.monotonic()
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


def _most(way: Way, ways: Sequence[Way]) -> int:
    """How many connections a way may have beside the others: where weights differ, none so many that its share grows past them."""
    if len({one.login.card.weight for one in ways}) == 1:
        return way.most
    each = min(one.most / one.login.card.weight for one in ways)
    return max(1, round(each * way.login.card.weight))


def door(login: RouteLogin) -> Door:
    """Say how to reach a route's server."""
    card = login.card
    return Door(
        host=card.host,
        port=card.port,
        tls=card.tls,
        username=login.username,
        password=login.password,
        source_address=card.source_address,
        greet_as=card.greet_as,
        verify=card.verify_tls,
    )
