"""What one worker may still send by a route, or by a route to one mailbox provider: permits taken in lots, asked for when they run out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.scope import system
from posthouse.sending.rates import rules, services
from posthouse.sending.rates.quick import Granted, Quick
from posthouse.sending.rates.rules import FRESH_SECONDS, LASTING, QUICK, Limits

# Runs database or Redis work beside the loop.
Aside = Callable[[Callable[[], Any]], Awaitable[Any]]
# Permits per hour or day that nothing used go back after this: their stretch of time is a minute long.
KEEP_SECONDS = 45.0
# When the database can't be asked.
ASK_AGAIN_SECONDS = 2.0
DATABASE_TROUBLE = (sa.exc.SQLAlchemyError,)


@dataclass(slots=True)
class Meter:
    """The permits of one route and group. All methods but `refill` and `close` are for each letter and ask nobody."""

    route_id: int
    group: str
    limits: Limits
    sharers: int
    aside: Aside
    held_until: float = 0.0  # monotonic
    by: str = ""
    _kept: int = 0  # against the limits per hour and day
    _kept_since: float = 0.0
    _kept_at: datetime | None = None
    _fresh: int = 0  # against those per second and minute
    _fresh_until: float = 0.0
    _quick: Quick = field(init=False)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._quick = Quick(f"{self.route_id}:{self.group}", self.limits, self.sharers)

    @property
    def lasting(self) -> bool:
        """Whether there are limits per hour or day."""
        return any(period in self.limits.rates for period in LASTING)

    @property
    def quick(self) -> bool:
        """Whether there are limits per second or minute."""
        return any(period in self.limits.rates for period in QUICK)

    @property
    def ready(self) -> bool:
        """Whether a letter may leave."""
        if self.quick and (self._fresh < 1 or clock.monotonic() >= self._fresh_until):
            return False
        return not self.lasting or (self._kept > 0 and clock.monotonic() < self._kept_since + KEEP_SECONDS)

    @property
    def asking(self) -> bool:
        """Whether permits are being asked for."""
        return self._asking.locked()

    @property
    def wait_seconds(self) -> float:
        """After how many seconds it is worth asking for permits; 0: there are some, or nobody knows yet."""
        return 0.0 if self.ready else max(0.0, self.held_until - clock.monotonic())

    def take(self) -> None:
        """Use a permit."""
        self._fresh -= self.quick
        self._kept -= self.lasting

    def give_back(self) -> None:
        """Take an unused permit back."""
        self._fresh += self.quick
        self._kept += self.lasting

    async def refill(self, wanted: int) -> None:
        """Take a lot of permits where none are left; sets until when to wait where there are none to be had. Never raises."""
        async with self._asking:
            if self.ready or clock.monotonic() < self.held_until:
                return
            granted: Granted = await self.aside(lambda: self._ask(max(1, wanted)))
            self.by = granted.by
            self.held_until = clock.monotonic() + granted.wait_seconds if not granted.amount else 0.0

    def _ask(self, wanted: int) -> Granted:
        # Those per hour and day first: they can be given back.
        self._return_stale()
        if self.lasting and self._kept < 1:
            granted = self._ask_lasting(wanted)
            if not granted.amount:
                return granted
            self._kept, self._kept_since = self._kept + granted.amount, clock.monotonic()
        if not self.quick:
            return Granted(self._kept)
        granted = self._quick.take(min(wanted, self._kept) if self.lasting else wanted)
        self._fresh, self._fresh_until = granted.amount, clock.monotonic() + FRESH_SECONDS
        return granted

    def _ask_lasting(self, wanted: int) -> Granted:
        at = clock.now()
        scope = system("delivery")
        try:
            with transaction(scope):
                granted = services.take(scope, route_id=self.route_id, group=self.group, limits=self.limits, wanted=wanted)
        except DATABASE_TROUBLE:
            return Granted(0, "", ASK_AGAIN_SECONDS)
        self._kept_at = at
        return granted

    def _return_stale(self) -> None:
        if self._kept > 0 and clock.monotonic() >= self._kept_since + KEEP_SECONDS:
            self.hand_back()

    def hand_back(self) -> None:
        """Give back what is kept against the limits per hour and day. Asks the database."""
        amount, self._kept = self._kept, 0
        if amount < 1 or self._kept_at is None:
            return
        scope, at = system("delivery"), self._kept_at
        try:
            with transaction(scope):
                services.give_back(scope, route_id=self.route_id, group=self.group, limits=self.limits, amount=amount, taken_at=at)
        except DATABASE_TROUBLE:
            return  # they count as used


def meters(route_id: int, limits: dict[str, Limits], *, sharers: int, aside: Aside) -> dict[str, Meter]:
    """Make the meters of a route where a rate is limited; the route's own under the empty name."""
    return {
        group: Meter(route_id, group, of_group, sharers, aside)
        for group, of_group in sorted(limits.items())
        if of_group.rates or group == rules.WHOLE
    }
