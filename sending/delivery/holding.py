"""One worker's part of the connections of all routes: kept up every second, handed back at its end, and taken from those that died."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Mapping
from functools import partial

from posthouse.platform import logs
from posthouse.sending.delivery import keeping, presence
from posthouse.sending.delivery.claiming import Place
from posthouse.sending.delivery.meter import Aside
from posthouse.sending.delivery.outlet import Outlet
from posthouse.sending.delivery.slots import Slots
from posthouse.sending.rates.slots import Wish

EVERY_SECONDS = 1.0


class Holding:
    """The worker among the others."""

    def __init__(self, place: Place, stream: str, aside: Aside) -> None:
        self._place = place
        self._stream = stream
        self._aside = aside
        self._presence = presence.Presence(place.folder)
        self._numbers = itertools.count(1)

    def slots(self, route_id: int) -> Slots:
        """Make what this worker holds of a route; a route that was changed, or serves two pools, is held once for each."""
        holder = f"{self._worker(self._presence.name)}#{next(self._numbers)}"

        async def exchange(route_id: int, wishes: Mapping[str, Wish]) -> Mapping[str, int] | None:
            said: Mapping[str, int] | None
            said = await self._aside(lambda: keeping.exchange(route_id, wishes, worker=holder, stream=self._stream))
            return said

        return Slots(route_id, worker=holder, stream=self._stream, exchange=exchange)

    async def keep(self, outlets: Mapping[int, Outlet]) -> None:
        """Every second: hold on to connections, hand back what isn't used, and what the dead of this machine held."""
        while True:
            try:
                await self._tend(outlets)
            except Exception as problem:  # without this nothing would be held any more, and nothing sent
                logs.get().error("lane.holding", exc_info=problem)
            await asyncio.sleep(EVERY_SECONDS)

    async def _tend(self, outlets: Mapping[int, Outlet]) -> None:
        await self._aside(self._bury)
        routes = sorted({way.login.card.id for outlet in list(outlets.values()) for way in outlet.ways if not way.slots.idle})
        claims = await self._aside(partial(keeping.claims, routes)) if routes else None
        for outlet in list(outlets.values()):
            await outlet.tend_slots(claims or {})

    async def end(self) -> None:
        """Hand all back."""
        await self._aside(lambda: keeping.leave(self._worker(self._presence.name)))
        self._presence.end()

    def _worker(self, name: str) -> str:
        return f"{self._place.host}:{name}"

    def _bury(self) -> None:
        with contextlib.suppress(OSError), presence.gone(self._place.folder) as names:
            for name in names:
                keeping.leave(self._worker(name))
