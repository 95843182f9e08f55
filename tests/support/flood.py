"""Senders that never give up, real processes that take and sort what they hand in, and kill -9 of any of these processes and of the servers."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median

import psutil
import sqlalchemy as sa
from flask import Flask
from flood_letters import DOMAIN, LIMIT_BYTES, Writer
from flood_sender import SENDERS, Sender
from killing import kill_server, make_commits_last
from product import free_port
from services import services
from world import Place, World

from posthouse.inbound.spool.queries import count_waiting
from posthouse.platform import clock
from posthouse.platform.app import keyring
from posthouse.platform.db import db, session, transaction
from posthouse.platform.settings import environment
from posthouse.sending.tokens import Mint
from posthouse.tenants.lists import services as lists

YOUNG_SECONDS = 10
WARM_SECONDS = 60
LOOK_SECONDS = 0.05
COMMANDS = {"inbound": ["inbound"], "worker": ["worker", "--queue", "jobs"], "scheduler": ["scheduler"]}
# What is killed, by weight.
VICTIMS = {"inbound": 50, "postgres": 20, "worker": 15, "redis": 10, "scheduler": 5}
_STEP = 10_000
_SEND = sa.text(
    "WITH c AS (INSERT INTO contact (tenant_id, email, email_norm, domain, source, created_at, updated_at)"
    " SELECT :tenant, a, a, 'example.net', 'test', :at, :at"
    " FROM (SELECT 'r' || n || '@example.net' AS a FROM generate_series(CAST(:low AS integer), CAST(:high AS integer)) AS n) AS k"
    " RETURNING id, email),"
    " s AS (INSERT INTO subscription (tenant_id, list_id, contact_id, state, source, created_at, changed_at)"
    " SELECT :tenant, :list, id, 'subscribed', 'test', :at, :at FROM c)"
    " INSERT INTO message (tenant_id, revision_id, list_id, contact_id, recipient, email_norm, domain, stream, state, attempts, not_before,"
    " created_at, settled_at) SELECT :tenant, 1, :list, id, email, email, 'example.net', 'marketing', 'sent', 1, :at, :at, :at FROM c"
    " RETURNING id, recipient"
)


@dataclass
class Flood:
    """A flooded installation. `fell` counts processes that ended without being killed.

    `memory` has the inbound processes' sizes in bytes, life by life, each with the seconds since it listens. Before that it
    loads its programs: that is no growth under mail, and may last a minute where many want the processors.
    """

    app: Flask
    world: World
    folder: Path
    seed: int
    port: int = field(default_factory=free_port)
    kills: Counter[str] = field(default_factory=Counter)
    fell: Counter[str] = field(default_factory=Counter)
    memory: list[list[tuple[float, int]]] = field(default_factory=list)
    senders: list[Sender] = field(default_factory=list)
    cpu: dict[str, dict[int, float]] = field(default_factory=lambda: {role: {} for role in COMMANDS})
    seconds: dict[str, float] = field(default_factory=dict)
    largest: int = 0
    _listens_since: float | None = None
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def places(self) -> list[Place]:
        """The last is nobody's victim."""
        return [self.world.a1, self.world.a2, self.world.b1, self.world.b2]

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    def set_up(self, messages: int) -> Writer:
        """Send so many messages of each tenant; returns who writes the letters about them."""
        make_commits_last(self.app)
        ids = [self._send(place, messages) for place in self.places]
        return Writer(self.seed, Mint(keyring()), [place.id for place in self.places], ids)

    def _send(self, place: Place, count: int) -> list[int]:
        made: dict[int, int] = {}
        with transaction(place.scope):
            to = lists.create_list(place.scope, name="News").id
        values = {"tenant": place.id, "list": to, "at": clock.now() - timedelta(hours=1)}
        for low in range(0, count, _STEP):
            with transaction(place.scope):
                rows = session(place.scope).execute(_SEND, {**values, "low": low, "high": min(low + _STEP, count) - 1})
                made |= {int(row.recipient.partition("@")[0][1:]): row.id for row in rows}
        return [made[index] for index in range(count)]

    def start(self, role: str) -> None:
        """Start a process of ours; it takes its time to be there."""
        settings = self.app.extensions["posthouse_settings"]
        given = {
            "POSTHOUSE_DATA": str(self.folder),
            "POSTHOUSE_DATABASE_URL": settings.database_url,
            "POSTHOUSE_REDIS_URL": settings.redis_url,
            "POSTHOUSE_SECRET_KEYS": settings.secret_keys,
            "POSTHOUSE_INBOUND_PORT": str(self.port),
            "POSTHOUSE_INBOUND_MESSAGE_BYTES": str(LIMIT_BYTES),
            "POSTHOUSE_MAIL_DOMAIN": DOMAIN,
            "POSTHOUSE_FEEDBACK_SOURCES": "127.0.0.1",
        }
        plain = {name: value for name, value in environment().items() if not name.startswith("POSTHOUSE_")}
        with (self.folder / f"{role}.log").open("ab") as log:
            self._running[role] = subprocess.Popen(
                [sys.executable, "-m", "posthouse.platform.cli", *COMMANDS[role]], env=plain | given, stdout=log, stderr=log
            )
        if role == "inbound":
            self.memory.append([])
            self._listens_since = None

    def pour(self, writer: Writer, count: int, kills: int, *, minutes: float | None = None) -> None:
        """Hand in so many letters; meanwhile kill so often, or for so many minutes where that is shorter, in the first two thirds of them."""
        began = time.monotonic()
        rng, end = random.Random(self.seed), None if minutes is None else began + 60 * minutes
        for role in COMMANDS:
            self.start(role)
        self.senders = [Sender(number, self.port, writer, count) for number in range(SENDERS)]
        for sender in self.senders:
            sender.start()
        # Each once, where there are kills enough, and then whatever comes.
        victims = rng.sample(list(VICTIMS), len(VICTIMS)) + rng.choices(list(VICTIMS), list(VICTIMS.values()), k=kills)
        due = sorted(rng.uniform(0.02, 0.66) * count for _ in range(kills))
        while due or any(sender.is_alive() for sender in self.senders):
            if end is not None and time.monotonic() > end:
                due.clear()
            if due and sum(sender.done for sender in self.senders) >= due[0]:
                due.pop(0)
                self.kill(victims.pop(0))
            self.look_after()
            time.sleep(LOOK_SECONDS)
        self.seconds["handed_in"] = round(time.monotonic() - began, 1)

    def kill(self, what: str) -> None:
        """Kill the hard way, and start again."""
        self.kills[what] += 1
        if what in COMMANDS:
            self._running[what].kill()
            self._running[what].wait()
            self.start(what)
            return
        kill_server(services().database_server if what == "postgres" else services().redis_server)

    def look_after(self) -> None:
        """Start again what fell, as a supervisor does, and note what each process takes, and how large the inbound process is."""
        for role, process in self._running.items():
            if process.poll() is not None:
                self.fell[role] += 1
                self.start(role)
            with contextlib.suppress(psutil.Error):  # it has just ended
                self._note(role, psutil.Process(process.pid))

    def _note(self, role: str, process: psutil.Process) -> None:
        times = process.cpu_times()
        self.cpu[role][process.pid] = times.user + times.system + times.children_user + times.children_system
        if role != "inbound":
            return
        size = process.memory_info().rss
        self.largest = max(self.largest, size)
        if self._listens_since is None and any(line.laddr.port == self.port for line in process.net_connections("tcp")):
            self._listens_since = time.monotonic()
        if self._listens_since is not None:
            self.memory[-1].append((time.monotonic() - self._listens_since, size))

    def drain(self, subscriptions_ended: int, seconds: float) -> None:
        """Wait until the spool is empty and the worker has told so many subscriptions of it."""
        began = time.monotonic()
        end = began + seconds
        while (waiting := count_waiting(self.spool, up_to=10**9)) or (ended := self._ended()) < subscriptions_ended:
            assert time.monotonic() < end, f"{waiting} in the spool; {0 if waiting else ended} of {subscriptions_ended} subscriptions ended"
            if "sorted" not in self.seconds and not waiting:
                self.seconds["sorted"] = round(time.monotonic() - began, 1)
            self.look_after()
            time.sleep(0.2)
        self.seconds["told"] = round(time.monotonic() - began, 1)

    def _ended(self) -> int:
        query = "SELECT count(*) FROM subscription WHERE state = 'bounced'"
        return sum(self.ask(place, query)[0][0] for place in self.places)

    def stop(self) -> int:
        """Ask the inbound process to stop; returns its exit status."""
        process = self._running.pop("inbound")
        process.send_signal(signal.SIGTERM)
        return process.wait(20)

    def ask(self, place: Place | None, sql: str) -> list[sa.Row]:
        """Look into a tenant's tables; None: the operator's."""
        scope = self.world.operator if place is None else place.scope
        with transaction(scope) as live:
            return list(live.execute(sa.text(sql)))

    def forget_connections(self) -> None:
        """The servers have died under them."""
        for engine in db.engines.values():
            engine.dispose()

    def cpu_seconds(self) -> dict[str, float]:
        """What all lives of each role took of the processors, nearly: a life's last moments are not seen."""
        return {role: round(sum(lives.values()), 1) for role, lives in self.cpu.items()}

    def growth_mb(self) -> float | None:
        """By how much an inbound process grew at worst after its first seconds of listening; None when none lived longer."""
        lives = [[size for age, size in life if age > YOUNG_SECONDS] for life in self.memory]
        return round(max((max(life) - life[0]) / 1e6 for life in lives if life), 1) if any(lives) else None

    def drift_mb(self) -> float | None:
        """By how much the inbound process that listened longest was larger in the last quarter of that time than in the second, by the medians.

        None when it had no time to get warm.
        """
        life = max(self.memory, key=len)
        if not life or life[-1][0] < WARM_SECONDS:
            return None
        sizes, quarter = [size for _, size in life], len(life) // 4
        return round((median(sizes[-quarter:]) - median(sizes[quarter : 2 * quarter])) / 1e6, 1)

    def peak_mb(self) -> int:
        """How large an inbound process was at worst."""
        return round(self.largest / 1e6)

    def clear_away(self) -> None:
        """End what was started."""
        for sender in self.senders:
            sender.stopped = True
        for process in self._running.values():
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        for sender in self.senders:
            sender.join(30)
