"""The connections of one route that one worker may open, to all or to one provider: asked for beside the loop, never for each letter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from posthouse.platform import clock
from posthouse.sending.rates.sharing import Claim, excess
from posthouse.sending.rates.slots import TERM_SECONDS, Wish, turn_of

ASK_AGAIN_SECONDS = 0.25
# Who got nothing goes on wanting for so long, so that others make room, although it gave back what it would have sent.
WANTING_SECONDS = 30.0
# Others need about a second to make room.
PATIENCE_SECONDS = 2.0
# Says what is kept and wanted of a route's connections, by group; returns what may be had, None when the database can't be asked.
Exchange = Callable[[int, Mapping[str, Wish]], Awaitable[Mapping[str, int] | None]]
Claims = Mapping[str, Sequence[Claim]]


class Slots:
    """What is held of a route's connection limits, which stand in `limits` by group."""

    def __init__(self, route_id: int, *, worker: str, stream: str, exchange: Exchange) -> None:
        self.limits: Mapping[str, int] = {}
        self._route_id = route_id
        self._worker = worker
        self._stream = stream
        self._exchange = exchange
        self._held: dict[str, int] = {}
        self._until = 0.0  # monotonic; what is held counts so long
        self._wanted: dict[str, int] = {}
        self._used: dict[str, int] = {}
        self._over: dict[str, int] = {}  # how many of those held others have more right to
        self._barred: dict[str, float] = {}  # groups of which nothing is to be had, and since when
        self._asked = 0.0
        self._short = False  # the last answer was less than was wanted
        self._asking = asyncio.Lock()

    def allowed(self, group: str) -> int:
        """How many connections may stay open now."""
        if clock.monotonic() >= self._until:
            return 0
        return self._held.get(group, 0) - self._over.get(group, 0)

    def starved(self, group: str) -> bool:
        """Whether others have all there is, and make no room."""
        since = self._barred.get(group)
        return since is not None and clock.monotonic() >= since + PATIENCE_SECONDS

    @property
    def pressed(self) -> bool:
        """Whether others wait for what is held here."""
        return any(self._over.values())

    @property
    def idle(self) -> bool:
        """Whether nothing is held or wanted."""
        return not self._held and not self._wanted

    async def ask(self, group: str, wanted: int) -> None:
        """Ask for so many in all, unless there were none a moment ago. Never raises; `allowed` then says what is to be had."""
        wanted = min(wanted, self.limits.get(group, 0))
        # Who has some asks for more with the next tick.
        if self._short and (self.allowed(group) or clock.monotonic() < self._asked + ASK_AGAIN_SECONDS):
            return
        async with self._asking:
            if wanted > self.allowed(group):
                self._wanted[group] = wanted
                await self._say()

    async def tick(self, claims: Claims, used: Mapping[str, int], wanted: Mapping[str, int]) -> None:
        """Hold on to what is used or wanted, let go the rest, and see what others have more right to. Every second. Never raises.

        `claims`: who holds and wants what, as it was read a moment ago.
        """
        async with self._asking:
            news = clock.monotonic() > self._until - TERM_SECONDS / 2 or self._short
            for group in sorted(set(self._held) | set(self._wanted)):
                news |= self._look(group, claims.get(group, ()), used.get(group, 0), wanted.get(group, 0))
            if news and not self.idle:
                await self._say()

    def _look(self, group: str, claims: Sequence[Claim], used: int, wanted: int) -> bool:
        """Say whether there is something to tell the others."""
        held, limit = self._held.get(group, 0), self.limits.get(group, 0)
        wish = min(max(wanted, self._still(group)), limit)
        others = [one for one in claims if one.worker != self._worker]
        mine = Claim(self._worker, self._stream, held, wish)
        over = min(held, excess(limit, [*others, mine], self._worker, turn=turn_of(group)))
        keep = min(held, max(used, min(held - over, wish)))
        before = held, self._wanted.get(group, 0), self._used.get(group, 0)
        self._held[group], self._wanted[group], self._used[group] = keep, wish, used
        self._over[group] = max(0, over - (held - keep))
        return before != (keep, wish, used)

    def _still(self, group: str) -> int:
        since = self._barred.get(group)
        if since is not None and clock.monotonic() >= since + WANTING_SECONDS:
            del self._barred[group]
            return 0
        return int(since is not None)

    async def _say(self) -> None:
        began = self._asked = clock.monotonic()
        lapsed = began >= self._until
        wishes = {
            group: Wish(self.limits.get(group, 0), self._held.get(group, 0), self._wanted.get(group, 0), self._used.get(group, 0))
            for group in set(self._held) | set(self._wanted)
        }
        granted = await self._exchange(self._route_id, wishes)
        if granted is None:
            self._short = True
            return
        if lapsed:
            self._over.clear()
        self._until = began + TERM_SECONDS
        self._short = any(granted[group] < wish.wanted for group, wish in wishes.items())
        for group, wish in wishes.items():
            self._take(group, granted[group], wish.wanted)

    def _take(self, group: str, granted: int, wanted: int) -> None:
        self._held[group] = granted
        self._over[group] = min(self._over.get(group, 0), granted)
        if wanted and not granted:
            self._barred.setdefault(group, clock.monotonic())
        else:
            self._barred.pop(group, None)
        if not granted and not wanted:
            for noted in (self._held, self._wanted, self._used, self._over):
                noted.pop(group, None)
