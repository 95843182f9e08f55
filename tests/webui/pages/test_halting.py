"""A campaign is held and let go by buttons while a worker sends it: it stops within two seconds, and each recipient gets it exactly once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from relay import TAKE_TIME, Relay
from shops import make_shop
from street import open_street
from visitor import Visitor
from ways import Ways

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.platform.runner import run_due
from posthouse.platform.scope import Scope
from posthouse.sending.campaigns.jobs import expand_campaign
from posthouse.tenants.quotas import services as quotas

PEOPLE = 60


@pytest.fixture
def street(tmp_path):
    with open_street(tmp_path) as made:
        yield made


class _Hall:
    """A campaign to sixty people, two people with its page open, and a slow server that takes its mail."""

    def __init__(self, street) -> None:
        self.street, self.ways = street, Ways(street.core, street.world)
        self.place = street.world.a1
        self.shop = make_shop(self.place.scope, name="tea", people=PEOPLE)
        self.campaign = self.shop.campaign().id
        self.path = f"/campaigns/{ids.encode('cmp', self.campaign)}"
        self.both = [Visitor(street.served.url) for _ in range(2)]
        for one in self.both:
            one.sign_in(self.place.email)
        self.dots: list[float] = []

    def press(self, button: str) -> None:
        """Press a button in both browsers, twice in each, at once."""
        with ThreadPoolExecutor(4) as pool:
            seen = list(pool.map(lambda one: one.post(f"{self.path}/{button}", page="/contacts/new"), [*self.both, *self.both]))
        assert {one.status for one in seen} == {200}

    def page(self) -> str:
        return self.both[0].get(self.path).text

    def expand_again(self) -> None:
        """Run the job that writes the messages once more, as one that is repeated after a crash."""
        expand_campaign(self.place.scope, campaign_id=self.campaign)

    def slow(self, _session, verb, _line):
        if verb != "DOT":
            return None
        self.dots.append(time.monotonic())
        return [*[TAKE_TIME] * 2, b"250 2.0.0 ok\r\n"]

    def states(self) -> dict[str, int]:
        return self.ways.states(self.place)


def _each_once(relay: Relay) -> None:
    taken = Counter(recipient for recipient, _ in relay.accepted)
    assert (len(taken), max(taken.values())) == (PEOPLE, 1)


def test_pause_and_go_on_by_two_browsers_and_a_repeated_job(street):
    """Paused: nothing leaves two seconds later, and the page says how many are in flight; let go: the rest, nobody twice."""
    hall, pressed = _Hall(street), []

    async def go():
        async with Relay(script=hall.slow) as relay:
            hall.ways.pool(relay.port, max_connections=1)
            hall.press("start")
            run_due()
            hall.expand_again()

            def paused():
                if not pressed and len(relay.accepted) >= 5:
                    hall.press("pause")
                    pressed.append(time.monotonic())
                    assert "Paused." in (page := hall.page())
                    assert "in flight" in page
                return bool(pressed) and set(hall.states()) == {"sent", "queued"}

            await hall.ways.work(paused)
            left = PEOPLE - len(relay.accepted)
            assert left > 0
            assert max(hall.dots) - pressed[0] < 2.0
            assert "Nothing is in flight." in hall.page()
            assert hall.states() == {"sent": PEOPLE - left, "queued": left}
            hall.press("go-on")
            run_due()
            hall.expand_again()
            await hall.ways.work(lambda: hall.states() == {"sent": PEOPLE})
            return relay

    _each_once(asyncio.run(go()))


def test_a_quota_stop_says_so_and_what_is_left_goes_once(street):
    """At 20 an hour twenty leave, the page says which limit holds the others; with a higher one they leave, each once."""
    hall = _Hall(street)
    _allow(hall.place.scope, 20)

    async def go():
        async with Relay(script=hall.slow) as relay:
            hall.ways.pool(relay.port)
            hall.press("start")
            run_due()
            await hall.ways.work(lambda: hall.states() == {"sent": 20, "queued": 40} and "Waiting for a limit" in hall.page())
            assert "this hour" in hall.page()
            assert len(relay.accepted) == 20
            _allow(hall.place.scope, 1_000)
            run_due()
            await hall.ways.work(lambda: hall.states() == {"sent": PEOPLE})
            return relay

    _each_once(asyncio.run(go()))


def _allow(scope: Scope, count: int) -> None:
    with transaction(scope):
        quotas.set_allowance(scope, layer="tenant", owner_id=scope.tenant, period="hour", allowed=count)
