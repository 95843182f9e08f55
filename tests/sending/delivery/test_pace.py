"""A server that announces PIPELINING and misbehaves is spoken to more slowly, and that is remembered beyond the worker."""

from __future__ import annotations

import asyncio

from relay import Relay
from ways import Ways

from posthouse.platform.db import transaction
from posthouse.sending.delivery.channel import Pace
from posthouse.sending.pools import queries, services


def _pace(world, route_id):
    with transaction(world.operator):
        return queries.get_route(world.operator, route_id).pace


def test_what_a_server_does_not_bear_is_remembered(app, world):
    """The first worker finds out and loses no letter; the next one knows; a person who edits the route has it tried again."""
    ways = Ways(app, world)

    async def go():
        async with Relay(bears_pipelining=False) as relay:
            _, (route,) = ways.pool(relay.port, max_connections=1)
            assert _pace(world, route) == Pace.OVERLAPPED
            ways.queue(world.a1, 5)
            await ways.work(lambda: ways.states(world.a1) == {"sent": 5} and _pace(world, route) == Pace.PLAIN, seconds=60)
            found_out = len(relay.sessions)
            ways.queue(world.a1, 5, name="second")
            await ways.work(lambda: ways.states(world.a1) == {"sent": 10}, seconds=60)
            return relay, route, found_out

    relay, route, found_out = asyncio.run(go())
    assert found_out > 1, "it hung up on the first ones"
    assert [session.accepted for session in relay.sessions[found_out:]] == [5], "the second worker had to learn nothing"
    assert len({recipient for recipient, _ in relay.accepted}) == len(relay.accepted) == 10
    ways.act(services.edit_route, route_id=route, weight=2)
    assert _pace(world, route) == Pace.OVERLAPPED
