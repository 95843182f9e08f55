"""A pool's way out of one worker: its routes with their connections, kept warm, slowed down and rested as they deserve."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from posthouse.platform import clock, logs
from posthouse.sending.delivery.channel import Channel, Pace
from posthouse.sending.delivery.conversation import Ended, converse
from posthouse.sending.delivery.desk import Desk, RouteFeed
from posthouse.sending.delivery.retry import route_pause_seconds
from posthouse.sending.delivery.smtp import Door, DoorShut, open_channel
from posthouse.sending.pools.queries import RouteLogin

IDLE_SECONDS = 5.0
LASTING_PAUSE_SECONDS = 300.0  # a person must mend a refused sign-in; asking more often gets accounts locked
TROUBLE_AFTER = 3  # connections in a row that ended without a single answer to a message
MESSAGES_A_CONNECTION = 4  # so many waiting messages are worth another connection


@dataclass(slots=True)
class Way:
    """One route as this worker knows it."""

    login: RouteLogin
    most: int
    pace: Pace = field(init=False)
    failures: int = 0
    rests_until: float = 0.0
    trouble: str = ""  # to be written down
    well: bool = False  # to be written down
    gone: bool = False  # paused, deleted or changed: what is on its connections ends there, nothing new goes that way
    busy: int = 0  # of its connections, how many are sending
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Begin with what is remembered of the server."""
        self.pace = Pace(self.login.card.pace)

    @property
    def lane(self) -> int | None:
        """Which messages it may send: while it is warmed those that were counted for it, else (None) those for any warm route."""
        return self.login.card.id if self.login.card.warming else None

    @property
    def open(self) -> bool:
        """Whether connections may be tried."""
        return clock.monotonic() >= self.rests_until

    def failed(self, detail: str, *, lasting: bool = False) -> None:
        """Let the route rest, longer each time."""
        self.failures += 1
        pause = LASTING_PAUSE_SECONDS if lasting else route_pause_seconds(self.failures)
        self.rests_until = clock.monotonic() + pause
        self.trouble = detail
        logs.get().warning("route.rests", route=self.login.card.id, seconds=pause, detail=detail)

    def worked(self) -> None:
        """Forget former failures."""
        self.failures = 0
        self.well = True


class Outlet:
    """The ways of one pool and the desk that they serve."""

    def __init__(self, pool_id: int, logins: list[RouteLogin], *, workers: int, tell_low: Callable[[], None]) -> None:
        self.pool_id = pool_id
        self.desk = Desk(tell_low=tell_low)
        self.closing = False
        self.ways = [Way(login, max(1, login.card.max_connections // workers)) for login in logins]
        self._leaving: list[Way] = []

    def renew(self, logins: list[RouteLogin], *, workers: int) -> None:
        """Take changed routes over; those that go on keep what is known of them, those that are gone finish what they have."""
        known = {way.login.card.id: way for way in self.ways}
        self.ways = [self._renewed(known.get(login.card.id), login, max(1, login.card.max_connections // workers)) for login in logins]
        kept = {id(way) for way in self.ways}
        for way in known.values():
            way.gone = id(way) not in kept
            if way.gone:
                self._leaving.append(way)
        self._leaving = [way for way in self._leaving if way.tasks]

    @staticmethod
    def _renewed(known: Way | None, login: RouteLogin, most: int) -> Way:
        if known is None or not known.login.same_door(login) or known.login.card.warming is not login.card.warming:
            return Way(login, most)
        if known.login.card.parked_until is not None and login.card.parked_until is None and not known.trouble:
            known.failures, known.rests_until = 0, 0.0  # it worked elsewhere, or a person ended its rest
        known.login, known.most = login, most
        return known

    @property
    def open(self) -> bool:
        """Whether any route may be tried."""
        return any(way.open for way in self.ways)

    def staff(self) -> None:
        """Open as many connections as the waiting messages are worth, shared by the routes' weights."""
        lanes: dict[int | None, list[Way]] = {}
        for way in self.ways:
            if way.open:
                lanes.setdefault(way.lane, []).append(way)
        for lane, ways in lanes.items():
            self._staff(ways, math.ceil(self.desk.waiting_for(lane) / MESSAGES_A_CONNECTION))

    def _staff(self, ways: Sequence[Way], wanted: int) -> None:
        weights = sum(way.login.card.weight for way in ways)
        for way in ways:
            share = math.ceil(wanted * way.login.card.weight / weights)
            # A connection that speaks with a slow server is no help for what waits; one that is idle or being opened is.
            ready = len(way.tasks) - way.busy
            for _ in range(min(share - ready, _most(way, ways) - len(way.tasks))):
                task = asyncio.create_task(self._serve(way))
                way.tasks.add(task)
                task.add_done_callback(way.tasks.discard)

    async def _serve(self, way: Way) -> None:
        """Be one connection of a route until there is no work for a while, or the route needs a rest."""
        channel: Channel | None = None
        barren = 0
        try:
            while way.open and not way.gone and await self._work(way):
                if channel is None or not channel.alive:
                    channel = await open_channel(door(way.login), pace=way.pace)
                feed = RouteFeed(
                    self.desk, way.login.card.id, lane=way.lane, preamble=way.login.card.preamble, may_pull=lambda: not way.gone
                )
                way.busy += 1
                try:
                    end = await converse(channel, feed, most=way.login.card.messages_per_connection)
                finally:
                    way.busy -= 1
                barren = 0 if feed.finished else barren + 1
                if feed.finished:
                    way.worked()
                if end.slow_down:
                    way.pace = Pace(min(way.pace, max(channel.pace - 1, 0)))
                elif end.why is Ended.GONE and barren >= TROUBLE_AFTER:
                    way.failed(end.detail)
                if end.why is Ended.SPENT:
                    await channel.quit()
        except DoorShut as shut:
            if way.open:
                way.failed(shut.detail, lasting=not shut.temporary)
        finally:
            if channel is not None:
                await channel.quit()

    async def _work(self, way: Way) -> bool:
        if self.desk.waiting_for(way.lane):
            return True
        try:
            await asyncio.wait_for(self.desk.work.wait(), 0.05 if self.closing else IDLE_SECONDS)
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Let the connections come to their end and say goodbye."""
        self.closing = True
        self.desk.work.set()
        tasks = [task for way in [*self.ways, *self._leaving] for task in way.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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
