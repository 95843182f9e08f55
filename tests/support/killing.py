"""Real worker processes and a real scheduler on real services; any of them is killed at random and started again."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import sink
import sqlalchemy as sa
from flask import Flask
from services import services
from sqlalchemy.engine import make_url
from world import World

from posthouse.platform import clock, loops, scheduler
from posthouse.platform.db import db, dispose_after_fork, session, transaction
from posthouse.platform.embedded.server import Running
from posthouse.sending.content.cards import Composed
from posthouse.sending.delivery import claiming, hosts, retry, sweeper, ways
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
_OPEN = sa.text("SELECT count(*) FROM message WHERE state IN ('queued', 'leased') AND stream = :stream")
_SWEPT = sa.text("SELECT worker, extract(epoch FROM closed_at) AS closed FROM lease WHERE closed_by = 'sweeper'")
# What is killed, by weight: a process of ours is the rule, a service under all of them the exception.
VICTIMS = {"process": 90, "sink": 5, "redis": 3, "postgres": 2}


class Tiny:
    """Composes the least that is a message."""

    at_once = 8

    def compose_all(self, cards):
        return [self._compose(card) for card in cards]

    def _compose(self, card):
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
    """The processes under fire. `kills` counts by victim; `bound` how many messages could be on the wire at the kills."""

    app: Flask
    world: World
    folder: Path
    rng: random.Random
    mails: list[Mail] = field(default_factory=list)
    children: dict[int, str] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    killed_at: dict[str, float] = field(default_factory=dict)
    outages: list[tuple[float, float]] = field(default_factory=list)
    bound: int = 0
    sink_process: int = 0
    sink_port: int = 0
    slow_seconds: float = 0.02
    mute: bool = False

    def set_up(self) -> None:
        """Make a pool to the sink for everybody, three kinds of mail, and a quota that is smaller than one of them."""
        self._start_sink()
        make_commits_last(self.app)
        operator = self.world.operator
        with transaction(operator):
            pool = pools.create_pool(operator, name="shared")
            pools.add_route(
                operator, pool_id=pool, name="sink", host="127.0.0.1", port=self.sink_port, tls="none", max_connections=CONNECTIONS
            )
            for stream in ("marketing", "transactional"):
                pools.grant_pool(operator, pool_id=pool, reseller_id=self.world.a.id, stream=stream, default=True)
        a1, a2 = self.world.a1.scope, self.world.a2.scope
        with transaction(a2):
            quotas.set_allowance(a2, layer="tenant", owner_id=a2.tenant_id, period="day", allowed=QUOTA)
        self.mails = [Mail("hold", a1, "marketing"), Mail("limited", a2, "marketing"), Mail("resend", a1, "transactional")]

    def _start_sink(self) -> None:
        self.sink_process, self.sink_port = sink.start(
            self.folder / "taken", slow_seconds=self.slow_seconds, port=self.sink_port, mute=self.mute
        )

    def restart_sink(self, *, mute: bool) -> None:
        """Start the sink again on its port; a mute one takes messages and never says so."""
        os.kill(self.sink_process, signal.SIGKILL)
        os.waitpid(self.sink_process, 0)
        self.mute = mute
        self._start_sink()

    def _forget_connections(self) -> None:
        for engine in db.engines.values():
            engine.dispose()

    def add(self, mail: Mail, count: int) -> None:
        """Queue more messages."""
        values = {"tenant": mail.scope.tenant_id, "stream": mail.stream, "at": clock.now(), "name": mail.name}
        with transaction(mail.scope):
            session(mail.scope).execute(_INSERT, {**values, "low": mail.count + 1, "high": mail.count + count})
        mail.count += count

    def start(self, role: str, prepare: Callable[[], None] = lambda: None) -> int:
        """Fork a worker of a lane, the scheduler, or one that sweeps once; `prepare` runs in it first. Returns its process id."""
        self._forget_connections()
        child = os.fork()
        if child:
            self.children[child] = role
            return child
        try:
            prepare()
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, 0)
            dispose_after_fork(self.app)
            _be(self.app, role)
        finally:
            os._exit(1)

    def kill_one(self, victims: dict[str, int] = VICTIMS) -> None:
        """Kill something at random the hard way and start it again."""
        what = self.rng.choices(list(victims), list(victims.values()))[0]
        {"process": self._kill_process, "sink": self._kill_sink, "redis": self._kill_redis, "postgres": self._kill_postgres}[what]()

    def _kill_process(self) -> None:
        victim = self.rng.choice(list(self.children))
        role = self.children.pop(victim)
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        self.kills[role] += 1
        if role != "scheduler":
            self.killed_at[str(victim)] = clock.now().timestamp()
            self.bound += CONNECTIONS
        self.start(role)

    def _kill_sink(self) -> None:
        os.kill(self.sink_process, signal.SIGKILL)
        os.waitpid(self.sink_process, 0)
        self.kills["sink"] += 1
        self.bound += CONNECTIONS * (len(self.children) - 1)
        self._start_sink()

    def _kill_redis(self) -> None:
        self.kills["redis"] += 1
        kill_server(services().redis_server)

    def _kill_postgres(self) -> None:
        self.kills["postgres"] += 1
        self._forget_connections()
        began = clock.now().timestamp()
        kill_server(services().database_server)
        self.outages.append((began, clock.now().timestamp()))

    def fire(self, kills: int, roles: list[str], victims: dict[str, int] = VICTIMS, *, minutes: float | None = None) -> None:
        """Kill so many times, or for so many minutes where that is shorter, while messages keep coming."""
        end = None if minutes is None else time.monotonic() + 60 * minutes
        for role in roles:
            self.start(role)
        for mail in self.mails:
            self.add(mail, 2 * QUOTA if mail.name == "limited" else 300)
        while self.kills.total() < kills and (end is None or time.monotonic() < end):
            # Half of them die before they have their share of a route's connections, which takes up to a second; the others at work.
            time.sleep(self.rng.uniform(0.01, 0.14) if self.rng.random() < 0.5 else self.rng.uniform(0.2, 0.8))
            self.kill_one(victims)
            if self.kills.total() % 10 == 0:
                for mail in self.mails:
                    if mail.name != "limited" and self.open(mail) < 200:
                        self.add(mail, 200)

    def recoveries(self) -> list[float]:
        """How many seconds after a worker's death each of its leases was settled by somebody else, in order.

        Leases that nobody could settle for a while, because there was no database, are left out.
        """
        found = []
        for scope in {mail.scope.tenant_id: mail.scope for mail in self.mails}.values():
            with transaction(scope):
                rows = session(scope).execute(_SWEPT).all()
            found += [(self.killed_at[row.worker], float(row.closed)) for row in rows if row.worker in self.killed_at]
        return sorted(end - start for start, end in found if not any(start < back and gone < end for gone, back in self.outages))

    def open(self, mail: Mail) -> int:
        """How many messages of the tenant on the stream have no outcome yet."""
        with transaction(mail.scope):
            return int(session(mail.scope).execute(_OPEN, {"stream": mail.stream}).scalar_one())

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
        note = self.folder / "taken"
        return Counter(note.read_text().split()) if note.exists() else Counter()

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


def make_commits_last(app: Flask) -> None:
    """The tests' server may lose its last commits when it is killed; this database's may not."""
    url = make_url(app.extensions["posthouse_settings"].database_url)
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as live:
        live.execute(f"ALTER DATABASE {url.database} SET synchronous_commit = on")
    for engine in db.engines.values():
        engine.dispose()


def kill_server(server: Running) -> None:
    """Kill it the hard way and start it again."""
    os.kill(server.pid, signal.SIGKILL)
    server.revive()


def _be(app: Flask, role: str) -> None:
    claiming.LOOK_AGAIN = claiming.timedelta(seconds=0.3)
    retry.GAPS_SECONDS = (0.2,)
    ways.route_pause_seconds = lambda _failures: 0.2
    if role == "scheduler":
        app.config["POSTHOUSE_PROCESS"] = "scheduler"
    with app.app_context():
        if role == "scheduler":
            scheduler.run(lambda: False)
        if role == "sweeper":
            sweeper.sweep_folder(hosts.folder())
            return
        loops.run(LaneWorker(app, role, clock.monotonic() + 3_600, load=_tiny).run())
