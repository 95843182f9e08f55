"""One server with several addresses of its own: a route each, and on the wire what makes the server leave by the right one."""

import asyncio
from collections import Counter
from dataclasses import asdict

import pytest
from relay import TAKE_TIME, Relay
from ways import Ways

from posthouse.sending.pools import services as pools
from posthouse.sending.pools.presets import BY_PORT, presets
from posthouse.sending.pools.rules import Draft, spread

LETTERS = 24


@pytest.fixture
def ways(app, world):
    return Ways(app, world)


def _routes(ways, world, lines, *, by, **values):
    """Make a pool with a route for each of a server's addresses, as the form does."""
    pool, _ = ways.pool()
    draft = Draft(**{"name": "one", "host": "127.0.0.1", "port": 25, "tls": "none", "max_connections": 2, **values})
    for one in spread(draft, lines, by=by):
        ways.act(pools.add_route, pool_id=pool, **asdict(one))
    ways.queue(world.a1, LETTERS)


async def _sent(ways, world):
    await ways.work(lambda: ways.states(world.a1) == {"sent": LETTERS})


def _slow(_session, verb, _line):
    """Take time for each envelope, so that no connection takes everything."""
    return [TAKE_TIME, b"250 2.1.0 ok\r\n"] if verb == "MAIL" else None


def test_connections_come_from_the_routes_own_addresses(ways, world):
    """Each route binds its connections to its address, whichever of this machine's it is."""

    async def go():
        async with Relay(script=_slow) as relay:
            _routes(ways, world, ["127.0.0.2", "127.0.0.3"], by="source", port=relay.port)
            await _sent(ways, world)
            return relay

    relay = asyncio.run(go())
    peers = Counter(session.peer for session in relay.sessions)
    assert set(peers) == {"127.0.0.2", "127.0.0.3"}
    assert len({recipient for recipient, _ in relay.accepted}) == len(relay.accepted) == LETTERS


@pytest.mark.parametrize("key", [key for key, preset in presets().items() if preset.virtual_mta_header])
def test_the_header_that_the_server_expects_is_its_first_line(ways, world, key):
    """Each letter has it once, with its route's name; without it the letter is as it was made, so its signature holds once it is off."""
    header = presets()[key].virtual_mta_header

    async def go():
        async with Relay(script=_slow) as relay:
            _routes(ways, world, ["mta-a", "mta-b"], by="virtual_mta", port=relay.port, virtual_mta_header=header)
            await _sent(ways, world)
            return relay

    names: Counter[str] = Counter()
    for recipient, data in asyncio.run(go()).accepted:
        line, rest = data.split(b"\r\n", 1)
        name, _, value = line.decode().partition(": ")
        names[value] += 1
        assert name == header
        assert header.lower().encode() not in rest.lower()
        assert rest.startswith(f"To: {recipient}\r\nMessage-ID: ".encode())
    assert set(names) == {"mta-a", "mta-b"}
    assert sum(names.values()) == LETTERS


@pytest.mark.parametrize("key", [key for key, preset in presets().items() if preset.virtual_mta == BY_PORT])
def test_where_each_address_has_a_port_nothing_is_added(ways, world, key):
    """Both ports get letters, each letter by one of them, with no header that would go on to the recipient."""
    assert presets()[key].virtual_mta_header == ""

    async def go():
        async with Relay(script=_slow) as first, Relay(script=_slow) as second:
            _routes(ways, world, [str(first.port), str(second.port)], by="port")
            await _sent(ways, world)
            return first, second

    first, second = asyncio.run(go())
    taken = [recipient for relay in (first, second) for recipient, _ in relay.accepted]
    assert len(set(taken)) == len(taken) == LETTERS
    assert first.accepted
    assert second.accepted
    assert not any(data.startswith(b"X-") for relay in (first, second) for _, data in relay.accepted)


def test_the_own_servers_say_what_they_must_be_told():
    """Who has several addresses reads how the server is told, and whether a header goes on to recipients."""
    for preset in presets().values():
        assert bool(preset.own_addresses) == bool(preset.virtual_mta), preset.key
        assert ("header" in preset.own_addresses) == bool(preset.virtual_mta), preset.key
