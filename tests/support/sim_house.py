"""Delivery as a simulation: the house's own conversation, desk, journal and outcomes, around a database and workers that a seed drives.

The database is a model of what `claiming` and `settlement` do in SQL; everything that decides about a message's fate is the real code.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sim_server import Dice, Server, Wire, body_for

from posthouse.platform import clock
from posthouse.platform.scope import Actor, for_tenant
from posthouse.sending.content.cards import Composed, MessageCard, RenderFailed
from posthouse.sending.delivery import journal
from posthouse.sending.delivery.channel import Pace
from posthouse.sending.delivery.claiming import Card, Claimed
from posthouse.sending.delivery.conversation import End, Ended, converse
from posthouse.sending.delivery.desk import Consignment, Desk
from posthouse.sending.delivery.feed import RouteFeed
from posthouse.sending.delivery.journal import Journal
from posthouse.sending.delivery.outcomes import Held, decide
from posthouse.sending.delivery.records import Mark, Record

TENANT, RESELLER, ROUTE = 7, 3, 11
COMMIT_SECONDS = 30
SCOPE = for_tenant(reseller_id=RESELLER, tenant_id=TENANT, actor=Actor("job", None, "simulation"), reason="simulation")


@dataclass
class Row:
    """A message's row."""

    held: Held
    state: str = "queued"
    attempts: int = 0
    lease: int | None = None


@dataclass
class Lease:
    """A lease's row. `reserved` messages of the quota go back or are used when it is closed."""

    ids: tuple[int, ...]
    reserved: int
    closed: bool = False


class Down(Exception):
    """The database did not answer; whether the COMMIT arrived nobody knows."""


@dataclass
class Database:
    """Rows, leases and one quota; every method is one transaction."""

    chance: Dice
    limit: int
    trouble: float
    rows: dict[int, Row] = field(default_factory=dict)
    leases: dict[int, Lease] = field(default_factory=dict)
    used: int = 0
    reserved: int = 0
    locked: set[int] = field(default_factory=set)
    on_the_way: list[Callable[[], None]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def pick(self, most: int) -> tuple[int, ...]:
        """Lock due messages, as many as the quota grants."""
        free = max(0, self.limit - self.used - self.reserved - len(self.locked))
        due = [number for number, row in self.rows.items() if row.state == "queued" and number not in self.locked]
        taken = tuple(due[: min(most, free)])
        self.locked |= set(taken)
        return taken

    def commit_claim(self, lease_id: int, ids: tuple[int, ...]) -> None:
        """Make the claim true. Raises: Down, before or after it became so."""
        self.locked -= set(ids)
        early = self.chance.random() < self.trouble
        if early:
            raise Down
        self.reserved += len(ids)
        self.leases[lease_id] = Lease(ids, len(ids))
        for number in ids:
            self.rows[number].state, self.rows[number].lease = "leased", lease_id
        self._look()
        if self.chance.random() < self.trouble:
            raise Down

    def roll_back(self, ids: tuple[int, ...]) -> None:
        """End a claim whose holder died before COMMIT."""
        self.locked -= set(ids)

    def settle(self, lease_id: int, word: Callable[[int], Record | None]) -> bool:
        """Settle a lease once; False while there is none. Raises: Down, before or after it became true."""
        if self.chance.random() < self.trouble:
            raise Down
        lease = self.leases.get(lease_id)
        if lease is None:
            return False
        if not lease.closed:
            self._close(lease, word)
        if self.chance.random() < self.trouble:
            raise Down
        return True

    def _close(self, lease: Lease, word: Callable[[int], Record | None]) -> None:
        used = 0
        for number in lease.ids:
            row = self.rows[number]
            outcome = decide(_as_held(row), word(number), now=clock.now(), stopped=False)
            row.state, row.attempts, row.lease = outcome.state, outcome.attempts, None
            used += outcome.used
        lease.closed = True
        self.reserved -= lease.reserved
        self.used += used
        self._look()

    def _look(self) -> None:
        if self.used + self.reserved > self.limit:
            self.broken.append(f"the quota of {self.limit} is passed: {self.used} used, {self.reserved} reserved")


def _as_held(row: Row) -> Held:
    return replace(row.held, attempts=row.attempts)


class Composer:
    """Makes each recipient's one body."""

    at_once = 8

    def compose_all(self, cards: Sequence[MessageCard]) -> list[Composed | RenderFailed]:
        """Make them."""
        return [self._compose(card) for card in cards]

    def _compose(self, card: MessageCard) -> Composed:
        data = body_for(card.recipient)
        return Composed(return_path=f"b{card.message_id}@bounce.test", recipient=card.recipient, size=len(data), data=data)


@dataclass
class Line:
    """One connection of a worker: the wire, and what is said on it now."""

    wire: Wire | None = None
    talk: Coroutine[Any, Any, End] | None = None


@dataclass
class Claiming:
    """A claim between its lock and its COMMIT."""

    ids: tuple[int, ...]
    lease_id: int
    journal: Journal | None = None


def crash(opened: Journal) -> None:
    """End with a journal as SIGKILL does: what is not written yet never is."""
    opened._held = ""
    opened.close()


class Worker:
    """A worker process. Each step is one thing that it does; between any two it may be killed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.chance
        self._desk = Desk()
        self._lines = [Line() for _ in range(world.connections)]
        self._pace = self._chance.choice(list(Pace))
        self._at_work: list[Consignment] = []
        self._settled: list[Consignment] = []
        self._claiming: Claiming | None = None
        self._soon: list[Callable[[], None]] = []
        self._acts = [self._claim, self._settle, self._remove, self._do_soon, *(partial(self._talk, line) for line in self._lines)]

    def step(self) -> bool:
        """Do one thing; False when there is nothing to do."""
        acts = [*self._acts]
        while acts:
            drawn = acts.pop(self._chance.below(len(acts)))
            if drawn():
                return True
        return False

    def die(self) -> None:
        """End as SIGKILL does: files and sockets are closed by the kernel, which may still deliver what it was given."""
        for line in self._lines:
            if line.talk is not None:
                line.talk.close()
            if line.wire is not None:
                line.wire.drop()
        for consignment in [*self._at_work, *self._settled]:
            crash(consignment.claimed.journal)
        if self._claiming is not None:
            self._world.orphan(self._claiming)

    def _claim(self) -> bool:
        if self._claiming is None:
            if self._desk.waiting or len(self._at_work) >= 2:
                return False
            ids = self._world.database.pick(self._chance.randint(1, 3))
            self._claiming = Claiming(ids, self._world.next_lease()) if ids else None
            return bool(ids)
        claiming = self._claiming
        if claiming.journal is None:
            until = int((clock.now() + timedelta(seconds=COMMIT_SECONDS)).timestamp())
            claiming.journal = journal.create(self._world.folder, TENANT, claiming.lease_id, until, reseller_id=RESELLER)
            return True
        self._claiming = None
        try:
            self._world.database.commit_claim(claiming.lease_id, claiming.ids)
        except Down:
            claiming.journal.close()
            return True
        self._take(claiming, claiming.journal)
        return True

    def _take(self, claiming: Claiming, opened: Journal) -> None:
        cards = tuple(self._world.card(number) for number in claiming.ids)
        claimed = Claimed(scope=SCOPE, lease_id=claiming.lease_id, stream="marketing", pool_id=1, journal=opened, cards=cards)
        consignment = Consignment(claimed, {1: Composer()}, work_until=float("inf"), soon=self._soon.append)
        self._at_work.append(consignment)
        self._desk.add(consignment)

    def _talk(self, line: Line) -> bool:
        if line.talk is None:
            if not self._desk.waiting:
                return False
            if line.wire is None or not line.wire.alive:
                line.wire = Wire(self._world.server, self._pace)
            line.talk = converse(line.wire, RouteFeed(self._desk, ROUTE), most=self._chance.choice([2, 1_000]))  # type: ignore[arg-type]
        try:
            line.talk.send(None)
        except StopIteration as over:
            line.talk = None
            self._after(line, over.value)
        return True

    def _after(self, line: Line, end: End) -> None:
        if end.why is not Ended.DRAINED:
            line.wire = None
        if end.slow_down and self._pace > Pace.PLAIN:
            self._pace = Pace(self._pace - 1)

    def _settle(self) -> bool:
        for consignment in self._at_work:
            if self._chance.random() < self._world.haste:
                consignment.release()
            if consignment.done.is_set():
                try:
                    self._world.database.settle(consignment.claimed.lease_id, consignment.records.get)
                except Down:
                    return True
                self._at_work.remove(consignment)
                self._desk.consignments.remove(consignment)
                self._settled.append(consignment)
                return True
        return False

    def _do_soon(self) -> bool:
        if not self._soon:
            return False
        self._soon.pop(0)()
        return True

    def _remove(self) -> bool:
        if not self._settled:
            return False
        self._settled.pop().claimed.journal.remove()
        return True


class World:
    """One schedule: everything in it follows from the seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance = Dice(seed)
        self.folder = folder
        count = self.chance.randint(1, 6)
        self.connections = self.chance.randint(1, 3)
        self.haste = self.chance.choice([0.0, 0.0, 0.05])
        self.stream = self.chance.choice(["marketing", "transactional"])
        self.server = Server(self.chance, self.chance.choice([0.0, 0.1, 0.3]))
        limit = self.chance.choice([count * 50, count, max(0, count - 2)])
        self.database = Database(self.chance, limit, self.chance.choice([0.0, 0.05, 0.2]))
        self.kills = self.lost = 0
        self.resting = False  # nothing dies any more
        self._leases = 100
        self._workers = [Worker(self) for _ in range(self.chance.randint(1, 2))]
        for number in range(1, count + 1):
            self.database.rows[number] = Row(self._held(number))

    def _held(self, number: int) -> Held:
        return Held(
            id=number, stream=self.stream, campaign_id=1 if self.stream == "marketing" else None, list_id=None, domain="x.test",
            email_norm=f"m{number}@x.test", attempts=0, created_at=clock.now(), expires_at=clock.now() + timedelta(days=30),
        )  # fmt: skip

    def card(self, number: int) -> Card:
        """Make what a claim hands out."""
        return Card(id=number, revision_id=1, campaign_id=None, recipient=f"m{number}@x.test", fields={})

    def next_lease(self) -> int:
        """Number a lease."""
        self._leases += 1
        return self._leases

    def orphan(self, claiming: Claiming) -> None:
        """Decide what becomes of a claim whose worker died: rolled back, or its COMMIT is on the way and may still arrive in time."""
        if claiming.journal is not None:
            claiming.journal.close()
            if self.chance.random() < 0.5:
                self.database.on_the_way.append(lambda: self._late(claiming))
                return
        self.database.roll_back(claiming.ids)

    def _late(self, claiming: Claiming) -> None:
        with contextlib.suppress(Down):
            self.database.commit_claim(claiming.lease_id, claiming.ids)

    def play(self, moving: clock.Frozen) -> None:
        """Play faults for a while, then let everything come to rest."""
        for _ in range(self.chance.randint(5, 80)):
            drawn = self.chance.random()
            if drawn < 0.04:
                self._kill()
            elif drawn < 0.12:
                self._sweep()
            elif drawn < 0.16:
                self._arrive()
            else:
                self.chance.choice(self._workers).step()
            moving.move(seconds=self.chance.random())
        self._come_to_rest(moving)

    def _come_to_rest(self, moving: clock.Frozen) -> None:
        self._kill()
        while self.database.on_the_way:
            self._arrive()
        self.server.mood = self.database.trouble = self.haste = 0.0
        self.resting = True
        for _ in range(4):
            moving.move(seconds=COMMIT_SECONDS + 1)
            self._sweep()
            self._give_up_lost()
            for worker in self._workers:
                while worker.step():
                    pass

    def _give_up_lost(self) -> None:
        """A COMMIT that came later than it may finds its journal gone: its lease is given up as unknown."""
        for number, lease in self.database.leases.items():
            if not lease.closed and not (self.folder / f"{TENANT}-{number}").exists():
                self.database.settle(number, lambda message_id: Record(Mark.UNKNOWN, message_id))

    def _kill(self) -> None:
        number = self.chance.below(len(self._workers))
        self._workers[number].die()
        self.kills += 1
        self._workers[number] = Worker(self)

    def _arrive(self) -> None:
        if self.database.on_the_way:
            self.database.on_the_way.pop(0)()

    def _sweep(self) -> None:
        """As the sweeper does it; it may die itself between its COMMIT and the removal."""
        for found in journal.abandoned(self.folder):
            replay = found.replay
            try:
                done = self.database.settle(replay.lease_id, replay.of)
            except Down:
                found.journal.close()
                continue
            if not done:
                done = clock.now().timestamp() > replay.until
            if done and (self.resting or self.chance.random() > 0.1):
                found.journal.remove()
            else:
                found.journal.close()

    def faults(self) -> list[str]:
        """Return everything that must never be, found at the end."""
        return [*self.server.strange, *self.database.broken, *self._wrong_outcomes(), *self._left_over()]

    def _wrong_outcomes(self) -> list[str]:
        found = []
        for number, row in self.database.rows.items():
            copies = self.server.copies[row.held.email_norm]
            exact = {"sent": 1, "failed": 0, "queued": 0}.get(row.state, copies)
            again = self.stream == "transactional" and row.state in {"sent", "queued", "failed"}
            if (copies < exact) if again else (copies != exact or copies > 1):
                found.append(f"message {number} is {row.state} and was taken {copies} times")
            if row.state == "leased":
                found.append(f"message {number} is still leased")
            if row.state == "queued" and self.database.used < self.database.limit:
                found.append(f"message {number} waits for nothing")
        return found

    def _left_over(self) -> list[str]:
        found = [f"lease {number} is open" for number, lease in self.database.leases.items() if not lease.closed]
        if self.database.reserved:
            found.append(f"{self.database.reserved} of the quota stay reserved")
        marketing = sum(row.state in {"sent", "unknown"} for row in self.database.rows.values())
        if self.stream == "marketing" and self.database.used != marketing:
            found.append(f"{self.database.used} of the quota are used for {marketing} messages")
        again = sum(max(0, copies - 1) for copies in self.server.copies.values())
        if again > self.kills * self.connections + self.server.lost_answers:
            found.append(f"{again} copies too many")
        found += [f"the journal {path.name} is left" for path in self.folder.iterdir()]
        return found


def play(seed: int, folder: Path) -> list[str]:
    """Play one schedule in an empty folder; returns what went wrong."""
    with clock.frozen(datetime.fromisoformat("2026-03-01T08:00:00+00:00")) as moving:
        world = World(seed, folder)
        world.play(moving)
        return world.faults()
