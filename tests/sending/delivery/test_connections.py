"""Connections of a route follow the backlog, carry so many messages and no more, go on with earlier TLS sessions, and end when idle."""

import asyncio
import ssl
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from relay import HANG_UP, TAKE_TIME, Relay
from ways import Ways

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.sending.delivery import outlet
from posthouse.sending.pools import queries


@pytest.fixture
def ways(app, world):
    return Ways(app, world)


@pytest.fixture(scope="module")
def server_tls(tmp_path_factory):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay.test")])
    now = clock.now()
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    signed = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    pem, file = serialization.Encoding.PEM, tmp_path_factory.mktemp("tls") / "relay.pem"
    file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()) + signed.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _slow(_session, verb, _line):
    return [TAKE_TIME, b"250 2.0.0 ok\r\n"] if verb == "DOT" else None


def test_a_connection_carries_so_many_and_the_next_resumes_its_session(ways, world, server_tls):
    """Over real TLS: five a connection, each later one resumed, every letter once."""

    async def go():
        async with Relay(tls=server_tls) as relay:
            ways.pool(relay.port, tls="starttls", verify_tls=False, max_connections=1, messages_per_connection=5)
            ways.queue(world.a1, 30)
            await ways.work(lambda: ways.states(world.a1) == {"sent": 30})
            return relay

    relay = asyncio.run(go())
    carrying = [one for one in relay.sessions if one.accepted]
    assert [one.accepted for one in carrying] == [5] * 6
    assert [one.resumed for one in carrying[1:]] == [True] * 5
    assert len({recipient for recipient, _ in relay.accepted}) == 30


def test_connections_follow_the_backlog(ways, world, monkeypatch):
    """One for little, the most that may be for much; idle ones say goodbye after a while."""
    monkeypatch.setattr(outlet, "IDLE_SECONDS", 0.3)

    async def go():
        async with Relay(script=_slow) as relay:
            ways.pool(relay.port, max_connections=4)
            ways.queue(world.a1, 2, name="few")
            ended = lambda: all(one.lines[-1:] == ["QUIT"] for one in relay.sessions)  # noqa: E731
            await ways.work(lambda: ways.states(world.a1) == {"sent": 2} and ended())
            few = len(relay.sessions)
            ways.queue(world.a1, 200, name="many")
            await ways.work(lambda: ways.states(world.a1) == {"sent": 202} and ended())
            return few, len(relay.sessions) - few

    few, many = asyncio.run(go())
    assert few == 1
    assert many == 4


def test_a_server_that_bears_fewer_connections_gets_fewer(ways, world):
    """It refuses the others with 421: the route doesn't rest for that, and soon asks for no more than are borne."""
    refused = []

    async def go():
        relay = Relay()

        def script(session, verb, _line):
            if verb == "CONNECT" and len(relay._tasks) > 2:
                refused.append(session.number)
                return [b"421 4.7.0 Too many connections\r\n", HANG_UP]
            return [TAKE_TIME, b"250 2.0.0 ok\r\n"] if verb == "DOT" else None

        relay.script = script
        async with relay:
            _, (route,) = ways.pool(relay.port, max_connections=6)
            ways.queue(world.a1, 120)
            await ways.work(lambda: ways.states(world.a1) == {"sent": 120})
        with transaction(world.operator):
            return relay, queries.get_route(world.operator, route)

    relay, card = asyncio.run(go())
    assert len({recipient for recipient, _ in relay.accepted}) == 120
    assert 1 <= len(refused) <= 5
    assert (card.failures, card.health) == (0, "well")
