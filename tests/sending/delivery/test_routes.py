"""Routes are changed, paused and deleted while mail leaves by them: no message is lost, none leaves twice."""

import asyncio

import pytest
import sqlalchemy as sa
from relay import TAKE_TIME, Relay
from ways import Ways

from posthouse.platform.db import transaction
from posthouse.sending.pools import services as pools

LETTERS = 600


def _slow(_session, verb, _line):
    return [TAKE_TIME, TAKE_TIME, b"250 2.0.0 ok\r\n"] if verb == "DOT" else None


@pytest.fixture
def ways(app, world):
    return Ways(app, world)


def _once(*relays):
    """Say how many letters were accepted, all together, after making sure that none was so twice."""
    recipients = [recipient for relay in relays for recipient, _ in relay.accepted]
    assert len(recipients) == len(set(recipients))
    return len(recipients)


def _while_at_work(ways, world, change, *, both, stays=("sent",)):
    """Queue letters, and have `change(routes, ports)` happen when some have left. Returns the relays."""

    async def go():
        async with Relay(script=_slow) as first, Relay(script=_slow) as second:
            _, routes = ways.pool(*([first.port, second.port] if both else [first.port]), max_connections=2)
            ways.queue(world.a1, LETTERS)
            done = []

            def over():
                if not done and len(first.accepted) > 5:
                    done.append(True)
                    change(routes, second.port)
                return set(ways.states(world.a1)) == set(stays)

            await ways.work(over, seconds=60)
            return first, second

    return asyncio.run(go())


def test_a_route_that_is_changed_leads_to_the_new_server(ways, world):
    """What is on the old connection ends there; the rest goes to the new server."""
    change = lambda routes, port: ways.act(pools.edit_route, route_id=routes[0], port=port)  # noqa: E731
    first, second = _while_at_work(ways, world, change, both=False)
    assert _once(first, second) == LETTERS
    assert len(second.accepted) > LETTERS / 4


def test_a_deleted_route_takes_no_more(ways, world):
    """The pool's other route carries on."""
    change = lambda routes, _port: ways.act(pools.delete_route, route_id=routes[0])  # noqa: E731
    first, second = _while_at_work(ways, world, change, both=True)
    assert _once(first, second) == LETTERS
    assert len(second.accepted) > LETTERS / 2


def test_a_pool_whose_only_route_is_paused_waits(ways, world):
    """Paused holds within seconds; everything else is still queued, and goes when the route goes on."""
    change = lambda routes, _port: (ways.act(pools.set_route_state, route_id=routes[0], state="paused"), paused.append(routes[0]))  # noqa: E731
    paused = []

    async def go():
        async with Relay(script=_slow) as relay:
            _, routes = ways.pool(relay.port, max_connections=2)
            ways.queue(world.a1, LETTERS)

            def over():
                if not paused and len(relay.accepted) > 5:
                    change(routes, 0)
                return bool(paused) and set(ways.states(world.a1)) == {"sent", "queued"}

            await ways.work(over)
            before = len(relay.accepted)
            assert before < LETTERS
            ways.act(pools.set_route_state, route_id=routes[0], state="active")
            await ways.work(lambda: ways.states(world.a1) == {"sent": LETTERS}, seconds=60)
            return relay

    assert _once(asyncio.run(go())) == LETTERS


def test_a_pool_that_is_emptied_at_work_waits_for_a_new_route(ways, world):
    """Its only route is deleted: what had not left is queued, none is lost, and a route that is added later sends each of them once."""
    emptied = []

    async def go():
        async with Relay(script=_slow) as first, Relay() as second:
            pool, routes = ways.pool(first.port, max_connections=2)
            ways.queue(world.a1, LETTERS)

            def over():
                if not emptied and len(first.accepted) > 5:
                    ways.act(pools.delete_route, route_id=routes[0])
                    emptied.append(True)
                return bool(emptied) and set(ways.states(world.a1)) == {"sent", "queued"}

            await ways.work(over)
            assert len(first.accepted) < LETTERS
            ways.act(pools.add_route, pool_id=pool, name="new", host="127.0.0.1", port=second.port, tls="none")
            with transaction(world.a1.scope) as live:
                live.execute(sa.text("UPDATE message SET not_before = created_at WHERE state = 'queued'"))
                live.execute(sa.text("UPDATE lane_tenant SET due_at = now()"))
            await ways.work(lambda: ways.states(world.a1) == {"sent": LETTERS}, seconds=60)
            return first, second

    assert _once(*asyncio.run(go())) == LETTERS


def test_a_routes_headers_stand_on_top_of_each_letter(ways, world):
    """The header that names the virtual MTA goes before the letter, which is otherwise as it was made."""

    async def go():
        async with Relay() as relay:
            ways.pool(relay.port, headers="X-Job: 7", virtual_mta_header="X-Virtual-MTA", virtual_mta="mta-2")
            ways.queue(world.a1, 3)
            await ways.work(lambda: ways.states(world.a1) == {"sent": 3})
            return relay

    for _, data in asyncio.run(go()).accepted:
        assert data.startswith(b"X-Job: 7\r\nX-Virtual-MTA: mta-2\r\n")


def test_weights_share_the_connections(ways, world):
    """A route of weight 3 has three connections for every one of its neighbour's."""

    async def go():
        async with Relay(script=_slow) as heavy, Relay(script=_slow) as light:
            _, routes = ways.pool(heavy.port, light.port, max_connections=8)
            ways.act(pools.edit_route, route_id=routes[0], weight=3)
            ways.queue(world.a1, LETTERS)
            await ways.work(lambda: ways.states(world.a1) == {"sent": LETTERS}, seconds=60)
            return heavy, light

    heavy, light = asyncio.run(go())
    assert _once(heavy, light) == LETTERS
    assert len(heavy.accepted) > len(light.accepted) > 0
