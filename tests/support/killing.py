"""Real worker processes on real services, killed at random and started again, and what must hold afterwards."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import sink
import sqlalchemy as sa
from flask import Flask
from world import World

from posthouse.platform import clock
from posthouse.platform.db import db, dispose_after_fork, session, transaction
from posthouse.platform.scope import system
from posthouse.sending.content.cards import Composed
from posthouse.sending.delivery import claiming, retry, sweeper
from posthouse.sending.delivery.lane import LaneWorker
from posthouse.sending.pools import services as pools
from posthouse.tenants.quotas import services as quotas

CONNECTIONS = 2  # of each worker
QUOTA = 1_500
_INSERT = sa.text(
    "INSERT INTO message (tenant_id, revision_id, recipient, email_norm, domain, stream, state, not_before, created_at)"
    " SELECT :tenant, 1, k.address, k.address, 'x.test', :stream, 'queued', :at, :at"
    " FROM (SELECT :name || n || '@x.test' AS address FROM generate_series(CAST(:low AS integer), CAST(:high AS integer)) AS n) AS k"
)
_OPEN = sa.text("SELECT count(*) FROM message WHERE state IN ('queued', 'leased')")


class Tiny:
    """Composes the least that is a message."""

    def compose(self, card):
        data = f"To: {card.recipient}\r\nMessage-ID: <{card.message_id}@x.test>\r\n\r\nhello\r\n".encode()
        return Composed("b@bounce.test", card.recipient, len(data), data)


def _tiny(claimed):
    return {card.revision_id: Tiny() for card in claimed.cards}


@dataclass
class Mail:
    """One tenant's messages on one stream."""

    name: str
    scope: object
    stream: str
    count: int = 0


@dataclass
class Yard:
    """The processes under fire. `kills` counts workers killed, `connections` those that could be open at a kill."""

    app: Flask
    world: World
    folder: Path
    rng: random.Random
    mails: list[Mail] = field(default_factory=list)
    children: dict[int, str] = field(default_factory=dict)
    kills: int = 0
    sink_process: int = 0

    def set_up(self) -> None:
        """Make a pool to the sink for everybody, three kinds of mail, and a quota that is smaller than one of them."""
        self.sink_process, port = sink.start(self.folder / "taken", slow_seconds=0.02)
        operator = self.world.operator
        with transaction(operator):
            pool = pools.create_pool(operator, name="shared")
            pools.add_route(operator, pool_id=pool, name="sink", host="127.0.0.1", port=port, tls="none", max_connections=CONNECTIONS)
            for stream in ("marketing", "transactional"):
                pools.grant_pool(operator, pool_id=pool, reseller_id=self.world.a.id, stream=stream, default=True)
        a1, a2 = self.world.a1.scope, self.world.a2.scope
        with transaction(a2):
            quotas.set_allowance(a2, layer="tenant", owner_id=a2.tenant_id, period="day", allowed=QUOTA)
        self.mails = [Mail("hold", a1, "marketing"), Mail("limited", a2, "marketing"), Mail("resend", a1, "transactional")]

    def add(self, mail: Mail, count: int) -> None:
        """Queue more messages."""
        values = {"tenant": mail.scope.tenant_id, "stream": mail.stream, "at": clock.now(), "name": mail.name}
        with transaction(mail.scope):
            session(mail.scope).execute(_INSERT, {**values, "low": mail.count + 1, "high": mail.count + count})
        mail.count += count

    def start(self, role: str) -> None:
        """Fork a worker of a lane, or the process that sweeps and wakes."""
        for engine in db.engines.values():
            engine.dispose()
        child = os.fork()
        if child:
            self.children[child] = role
            return
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, 0)
            dispose_after_fork(self.app)
            _be(self.app, role)
        finally:
            os._exit(1)

    def kill_one(self) -> None:
        """Kill a random process the hard way and start it again."""
        victim = self.rng.choice(list(self.children))
        role = self.children.pop(victim)
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        self.kills += 1
        self.start(role)

    def fire(self, kills: int, roles: list[str]) -> None:
        """Kill so many times while messages keep coming."""
        for role in roles:
            self.start(role)
        for mail in self.mails:
            self.add(mail, 2 * QUOTA if mail.name == "limited" else 300)
        while self.kills < kills:
            time.sleep(self.rng.uniform(0.01, 0.14))
            self.kill_one()
            if self.kills % 10 == 0:
                for mail in self.mails:
                    if mail.name != "limited" and self.open(mail) < 200:
                        self.add(mail, 200)

    def open(self, mail: Mail) -> int:
        """How many messages of the tenant on the stream have no outcome yet."""
        with transaction(mail.scope):
            query = sa.text("SELECT count(*) FROM message WHERE state IN ('queued', 'leased') AND stream = :stream")
            return int(session(mail.scope).execute(query, {"stream": mail.stream}).scalar_one())

    def drain(self, seconds: float) -> None:
        """Wait until all is settled that can be: nothing open, but what the quota holds back."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            held = self.mails[1].count - QUOTA
            if [self.open(mail) for mail in self.mails] == [0, held, 0] and not self.leased():
                return
            time.sleep(0.1)
        raise AssertionError(f"not drained: {[self.open(mail) for mail in self.mails]} open, {self.leased()} leased")

    def leased(self) -> int:
        """How many leases are open."""
        total = 0
        for scope in {mail.scope.tenant_id: mail.scope for mail in self.mails}.values():
            with transaction(scope):
                total += session(scope).execute(sa.text("SELECT count(*) FROM lease WHERE closed_at IS NULL")).scalar_one()
        return int(total)

    def taken(self) -> Counter[str]:
        """How often the sink took each recipient's message."""
        return Counter((self.folder / "taken").read_text().split())

    def states(self, mail: Mail) -> dict[str, str]:
        """Return the state of each recipient's message."""
        with transaction(mail.scope):
            query = sa.text("SELECT recipient, state FROM message WHERE stream = :stream")
            return {row.recipient: row.state for row in session(mail.scope).execute(query, {"stream": mail.stream})}

    def clear_away(self) -> None:
        """End what was started."""
        for process in [*self.children, self.sink_process]:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        self.children = {}


def _be(app: Flask, role: str) -> None:
    claiming.LOOK_AGAIN = claiming.timedelta(seconds=0.3)
    retry.GAPS_SECONDS = (0.2,)
    with app.app_context():
        if role == "sweeper":
            scope = system("test")
            while True:
                sweeper.sweep(scope)
                sweeper.wake(scope)
                time.sleep(0.2)
        asyncio.run(LaneWorker(app, role, clock.monotonic() + 3_600, load=_tiny).run())
