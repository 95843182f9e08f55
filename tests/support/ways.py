"""Pools and routes to scripted relays, due messages, and a lane that works on them: for tests about ways out."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass

import sqlalchemy as sa
from killing import Tiny

from posthouse.platform import clock, stopping
from posthouse.platform.db import session, transaction
from posthouse.sending.delivery import hosts
from posthouse.sending.delivery.claiming import Place
from posthouse.sending.delivery.lane import LaneWorker
from posthouse.sending.pools import services as pools

_MESSAGE = sa.text(
    "INSERT INTO message (tenant_id, revision_id, recipient, email_norm, domain, stream, state, not_before, created_at)"
    " SELECT :tenant, 1, a, a, :domain, :stream, 'queued', :at, :at"
    " FROM (SELECT :name || n || '@' || :domain AS a FROM generate_series(1, :count) AS n) AS k"
)
_names = itertools.count(1)


@dataclass
class Ways:
    """Shortcuts for one world."""

    app: object
    world: object

    @property
    def place(self) -> Place:
        folder = hosts.folder()
        return Place(folder, hosts.host_name(folder), "test")

    def pool(self, *ports, default=True, **route):
        """Make a pool with a route to each port; returns the pool's and the routes' ids."""
        operator = self.world.operator
        with transaction(operator):
            pool = pools.create_pool(operator, name=f"pool {next(_names)}")
            routes = [
                pools.add_route(operator, pool_id=pool, **{"name": f"r{port}", "host": "127.0.0.1", "port": port, "tls": "none", **route})
                for port in ports
            ]
            for reseller in (self.world.a, self.world.b) if default else ():
                for stream in ("marketing", "transactional"):
                    pools.grant_pool(operator, pool_id=pool, reseller_id=reseller.id, stream=stream, default=True)
        return pool, routes

    def act(self, change, **values):
        """Have the operator change something."""
        with transaction(self.world.operator):
            return change(self.world.operator, **values)

    def queue(self, place, count, *, domain="x.test", stream="marketing", name="r"):
        values = {"tenant": place.id, "count": count, "stream": stream, "domain": domain, "name": name, "at": clock.now()}
        with transaction(place.scope):
            session(place.scope).execute(_MESSAGE, values)

    def states(self, place):
        with transaction(place.scope):
            return dict(Counter(session(place.scope).execute(sa.text("SELECT state FROM message")).scalars()))

    async def work(self, until, *, stream="marketing", seconds=30):
        """Work the lane until `until()` holds."""
        load = lambda claimed: {card.revision_id: Tiny() for card in claimed.cards}  # noqa: E731
        worker = LaneWorker(self.app, stream, clock.monotonic() + seconds, load=load)
        task = asyncio.create_task(worker.run())
        end = time.monotonic() + seconds
        while not task.done() and not until() and time.monotonic() < end:
            await asyncio.sleep(0.02)
        reached = until()
        worker._end_now()
        await task
        stopping.asked.clear()
        assert reached, [self.states(place) for place in (self.world.a1, self.world.a2, self.world.b1)]
