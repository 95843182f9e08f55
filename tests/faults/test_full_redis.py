"""A full Redis refuses every write: programs hand messages in all the same, and a route with a pace sends them, below it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from relay import Relay
from services import services
from shops import make_domain
from street import open_street
from ways import Ways

from posthouse.platform.db import transaction
from posthouse.sending.rates import services as rates
from posthouse.sending.rates.rules import Limits

_SINGLE = {"from_address": "shop@single.example.com", "subject": "Your code", "html": "<p>123456</p>"}


@pytest.fixture
def street(tmp_path):
    with open_street(tmp_path, allow_reserved_domains=True) as opened, opened.core.app_context():
        make_domain(opened.world.a1.scope, "single.example.com")
        yield opened


@pytest.fixture
def full_redis(street):
    with redis.Redis.from_url(services().redis_url) as live:
        live.config_set("maxmemory", 1)
        try:
            with pytest.raises(redis.exceptions.OutOfMemoryError):
                live.set("anything", "more")
            yield
        finally:
            live.config_set("maxmemory", 0)


@pytest.mark.timeout(100)
def test_single_messages_are_taken_and_sent_while_redis_is_full(street, full_redis):
    """202 for each, each arrives once within seconds, and no more in a second than the route may send."""
    times = []

    def script(_session, verb, _line):
        if verb == "DOT":
            times.append(asyncio.get_running_loop().time())

    async def go():
        ways, place = Ways(street.core, street.world), street.world.a1
        async with Relay(script=script) as relay:
            _, (route,) = ways.pool(relay.port)
            with transaction(street.world.operator):
                rates.set_limits(street.world.operator, route_id=route, limits=Limits(per_second=10))
            with ThreadPoolExecutor(1) as beside:
                hand_in = asyncio.get_running_loop().run_in_executor(beside, _hand_in, street.program(place))
                await ways.work(lambda: ways.states(place) == {"sent": 8}, stream="transactional")
                assert await hand_in == [202] * 8
            return relay

    relay = asyncio.run(go())
    assert sorted(recipient for recipient, _ in relay.accepted) == sorted(f"p{number}@x.example" for number in range(8))
    assert max(sum(start <= one < start + 1 for one in times) for start in times) <= 11


def _hand_in(program):
    return [program.call("POST", "/messages", _SINGLE | {"to": f"p{number}@x.example"}).status for number in range(8)]
