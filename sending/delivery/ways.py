"""One route as one worker knows it: whether it may be tried, what it may still send, and to whom not just now."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from posthouse.platform import clock, logs
from posthouse.sending.delivery.backoff import Backoff
from posthouse.sending.delivery.bearing import Bearing
from posthouse.sending.delivery.channel import Channel, Pace
from posthouse.sending.delivery.conversation import Verdict
from posthouse.sending.delivery.meter import Aside, Meter, meters
from posthouse.sending.delivery.retry import route_pause_seconds
from posthouse.sending.delivery.slots import Slots
from posthouse.sending.delivery.smtp import Door, DoorShut, open_channel
from posthouse.sending.delivery.tally import Tally
from posthouse.sending.delivery.wire import Reply
from posthouse.sending.mailboxes.rules import OTHER
from posthouse.sending.pools.queries import RouteLogin
from posthouse.sending.rates.queries import ByGroup, HoldCard
from posthouse.sending.rates.rules import WHOLE

LASTING_PAUSE_SECONDS = 300.0  # a person must mend a refused sign-in; asking more often gets accounts locked
BUSY_SECONDS = 0.2  # when a provider's connections are all in use, it is looked at again after this
NOTED_SECONDS = 2.0  # shorter waits for permits are nothing to write down


@dataclass(frozen=True, slots=True)
class Rest:
    """Why a way, or its share for a provider, waits, and for how long from now."""

    by: str
    seconds: float
    failures: int = 0
    said: str = ""


@dataclass(slots=True)
class Way:
    """A route. `limit`: connections of all workers; `most`: of this one. `limits`, `meters`, `backoffs` by mailbox provider, its own under the empty name."""

    login: RouteLogin
    limit: int
    most: int
    aside: Aside
    slots: Slots
    sharers: int = 1
    limits: ByGroup = field(default_factory=dict)
    pace: Pace = field(init=False)
    failures: int = 0
    rests_until: float = 0.0
    trouble: str = ""  # to be written down
    well: bool = False  # to be written down
    gone: bool = False  # paused, deleted or changed: what is on its connections ends there, nothing new goes that way
    busy: int = 0  # of its connections, how many are sending
    tasks: set[asyncio.Task[None]] = field(default_factory=set)  # a connection each
    may_have: int = 0  # so many of these
    ending: int = 0  # of these, how many say goodbye
    meters: dict[str, Meter] = field(default_factory=dict)
    backoffs: dict[str, Backoff] = field(default_factory=dict)
    users: Counter[str] = field(default_factory=Counter)  # connections that have letters for a provider in hand
    bearing: Bearing = field(default_factory=Bearing)
    channels: int = 0  # connections that are open
    opening: int = 0  # and that are being opened
    tally: Tally = field(default_factory=Tally)
    noted: dict[str, float] = field(default_factory=dict)  # what is written down as resting, and until when
    asking: set[asyncio.Task[None]] = field(default_factory=set)
    asking_slots: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        card = self.login.card
        self.pace = Pace(card.pace)  # begin with what is remembered of the server
        self.failures = card.failures
        if card.parked_until is not None:
            self.rests_until = clock.monotonic() + max(0.0, (card.parked_until - clock.now()).total_seconds())
        self.take_limits(self.limits, sharers=self.sharers)

    @property
    def lane(self) -> int | None:
        """Which messages it may send: while it is warmed those that were counted for it, else (None) those for any warm route."""
        return self.login.card.id if self.login.card.warming else None

    @property
    def open(self) -> bool:
        """Whether connections may be tried."""
        return clock.monotonic() >= self.rests_until

    @property
    def half_open(self) -> bool:
        """Whether it failed last: after its rest a single letter shows whether it is well again."""
        return self.failures > 0

    @property
    def free(self) -> bool:
        """Whether nothing is limited and nobody rests."""
        return not self.limits and not self.backoffs and not self.failures

    @property
    def crowded(self) -> bool:
        """Whether more connections are open than may be."""
        return len(self.tasks) - self.ending > self.may_have

    def take_limits(self, limits: ByGroup, *, sharers: int) -> None:
        """Hold to these limits from now on; where they are the same, what was taken stays."""
        of_groups = {group: one.connections for group, one in limits.items() if group and one.connections is not None}
        self.slots.limits = {WHOLE: self.limit, **of_groups}
        if limits == self.limits and sharers == self.sharers and (self.meters or not limits):
            return
        self.limits, self.sharers = limits, sharers
        self.meters = meters(self.login.card.id, limits, sharers=sharers, aside=self.aside)

    def hear_holds(self, holds: Iterable[HoldCard]) -> None:
        """Take over what other workers heard from providers."""
        for hold in holds:
            if hold.by == "backoff" and hold.group:
                known = self.backoffs.setdefault(hold.group, Backoff())
                until = clock.monotonic() + (hold.until - clock.now()).total_seconds()
                if hold.failures > known.failures:
                    known.failures, known.rests_until, known.said = hold.failures, until, hold.said

    def failed(self, detail: str, *, lasting: bool = False) -> None:
        """Let the route rest, longer each time."""
        self.failures += 1
        pause = LASTING_PAUSE_SECONDS if lasting else route_pause_seconds(self.failures)
        self.rests_until = clock.monotonic() + pause
        self.trouble = detail
        logs.get().warning("route.rests", route=self.login.card.id, seconds=pause, detail=detail)

    async def connect(self) -> Channel:
        """Open a connection. Raises: DoorShut."""
        self.opening += 1
        try:
            channel = await open_channel(door_of(self.login), pace=self.pace)
        finally:
            self.opening -= 1
        self.channels += 1
        self.bearing.accepted(self.channels)
        return channel

    def shut_out(self, shut: DoorShut) -> None:
        """Take a refused connection for the server's limit where it lets others in; else let the route rest."""
        others = self.channels + (self.opening if shut.code else 0)
        if shut.temporary and others:
            self.bearing.refused(others)
            logs.get().info("route.fewer_connections", route=self.login.card.id, open=others, detail=shut.detail)
        elif self.open:
            self.failed(shut.detail, lasting=not shut.temporary)

    def worked(self) -> None:
        """Forget former failures."""
        self.failures = 0
        self.well = True

    def hear(self, group: str, verdict: Verdict, reply: Reply) -> None:
        """Learn from an answer how a provider bears this route."""
        self.tally.note(group, verdict, reply)
        if group == OTHER:
            return
        if (resting := self.backoffs.get(group)) is not None:
            resting.probe_out = False
        if verdict is Verdict.DEFERRED and reply.code:
            known = self.backoffs.setdefault(group, Backoff())
            if known.refuse(reply, group):
                logs.get().warning("route.group_rests", route=self.login.card.id, group=group, said=known.said)
        elif verdict is Verdict.SENT:
            self.backoffs.pop(group, None)

    def blocked(self, group: str) -> float:
        """After how many seconds a letter for a provider may be tried, as far as that is known; 0: now."""
        backoff = self.backoffs.get(group)
        if backoff is not None and not backoff.may_take:
            return max(backoff.rests_until - clock.monotonic(), BUSY_SECONDS)
        of_all, of_group = self.meters.get(WHOLE), self.meters.get(group)
        return max(of_all.wait_seconds if of_all else 0.0, of_group.wait_seconds if of_group else 0.0)

    def ask(self, group: str, wanted: int) -> None:
        """Have permits taken beside, where none are left and none are being asked for."""
        meter = self.meters.get(group)
        if meter is None or meter.ready or meter.wait_seconds or meter.asking:
            return
        task = asyncio.create_task(meter.refill(wanted))
        self.asking.add(task)
        task.add_done_callback(self.asking.discard)

    async def stock_up(self, waiting: Mapping[str, int]) -> float:
        """See to it that something of what waits may leave; returns after how many seconds to ask again, 0 when it may."""
        whole = self.meters.get(WHOLE)
        if whole is not None and not whole.ready:
            await whole.refill(sum(waiting.values()))
            if not whole.ready:
                return max(whole.wait_seconds, 0.001)
        waits = []
        for group, count in waiting.items():
            if self._full(group):
                await self.slots.ask(group, self.users[group] + 1)
            meter = self.meters.get(group)
            if meter is not None and not meter.ready and not self.blocked(group):
                await meter.refill(count)
            if not (wait := self._wait(group)):
                return 0.0
            waits.append(wait)
        return min(waits)

    def _wait(self, group: str) -> float:
        wait, meter = self.blocked(group), self.meters.get(group)
        if not wait and meter is not None and not meter.ready:
            return 0.001
        return wait or (BUSY_SECONDS if self._full(group) else 0.0)

    def _full(self, group: str) -> bool:
        """Whether no further connection may have letters for a provider in hand."""
        return group in self.slots.limits and self.users[group] >= self.slots.allowed(group)

    def ask_slots(self, group: str) -> None:
        """Have a further connection for a provider asked for beside, unless that is done already."""
        if self.asking_slots is None or self.asking_slots.done():
            self.asking_slots = asyncio.create_task(self.slots.ask(group, self.users[group] + 1))

    def too_many(self, group: str, *, in_hand: bool) -> bool:
        """Whether a connection that has letters for a provider in hand, or has not yet, must take none."""
        allowed = self.slots.allowed(group)
        return self.users[group] > allowed or (not in_hand and self.users[group] >= allowed)

    def rests(self) -> dict[str, Rest]:
        """Say what of it waits just now for long enough to be told."""
        now, found = clock.monotonic(), {}
        for group, meter in self.meters.items():
            if meter.wait_seconds > NOTED_SECONDS:
                found[group] = Rest(meter.by, meter.wait_seconds)
        for group, backoff in self.backoffs.items():
            if backoff.resting:
                found[group] = Rest("backoff", backoff.rests_until - now, backoff.failures, backoff.said)
        return found

    async def close(self) -> None:
        """Hand unused permits back."""
        last = [self.asking_slots] if self.asking_slots is not None else []
        await asyncio.gather(*self.asking, *last, return_exceptions=True)
        for meter in self.meters.values():
            if meter.lasting:
                await self.aside(meter.hand_back)


def door_of(login: RouteLogin) -> Door:
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
