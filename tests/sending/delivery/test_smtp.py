"""A server that lies, drips, floods or can't prove its name lets nobody in, and is left in good time with words that say why."""

from __future__ import annotations

import asyncio
import ssl
import time
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from relay import HANG_UP, SAY_NOTHING, TAKE_TIME, Relay

from posthouse.platform import clock
from posthouse.sending.delivery import smtp
from posthouse.sending.delivery.channel import Pace
from posthouse.sending.delivery.smtp import Door, DoorShut, open_channel

DRIP = [part for _ in range(400) for part in (b"220-x\r\n", TAKE_TIME)]
LINE = b"250-" + b"x" * 2_000 + b"\r\n"
FLOODS = {"lines": [LINE] * 5_000 + [b"250 ok\r\n"], "one line": [b"220 " + b"x" * 10_000_000 + b"\r\n"]}


def _knock(relay, **door):
    """Try to get in; return how it was refused and how long that took."""

    async def go():
        async with relay:
            with pytest.raises(DoorShut) as shut:
                await open_channel(Door(**{"host": "127.0.0.1", "port": relay.port, "tls": "none", **door}), pace=Pace.OVERLAPPED)
            return shut.value

    began = time.monotonic()
    return asyncio.run(asyncio.wait_for(go(), 20)), time.monotonic() - began


def _at(verb, answer):
    return lambda _session, said, _line: answer if said == verb else None


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO"])
@pytest.mark.parametrize("flood", list(FLOODS))
def test_ten_megabytes_before_the_first_message(verb, flood):
    """The greeting and the list of extensions are no place for a book."""
    shut, _ = _knock(Relay(script=lambda _s, said, _l: FLOODS[flood] if said in {verb, "HELO"} else None))
    assert shut.temporary


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO"])
@pytest.mark.parametrize("answer", [DRIP, SAY_NOTHING], ids=["drip", "silence"])
def test_a_server_that_takes_for_ever(monkeypatch, verb, answer):
    """Each step has its time, however much of an answer has come by then."""
    monkeypatch.setattr(smtp, "CONNECT_SECONDS", 0.3)
    shut, took = _knock(Relay(script=lambda _s, said, _l: answer if said in {verb, "HELO"} else None))
    assert shut.temporary
    assert took < 5


def test_a_server_that_is_just_in_time_at_each_step(monkeypatch):
    """All steps together have their time as well."""
    monkeypatch.setattr(smtp, "OPEN_SECONDS", 0.2)
    slow = lambda _s, said, _l: [TAKE_TIME] * 4 + [b"220 hello\r\n" if said == "CONNECT" else b"250 relay\r\n"]  # noqa: E731
    shut, took = _knock(Relay(script=slow))
    assert (shut.temporary, "wasn't ready" in shut.detail) == (True, True)
    assert took < 5


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO"])
@pytest.mark.parametrize("answer", [b"what?\r\n", b"\x00\xff\xfe\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"554 no\r\n", HANG_UP])
def test_a_server_that_talks_garbage_or_refuses(verb, answer):
    """It is another protocol, or an unwilling server: nobody gets in, and a later try may go better."""
    shut, _ = _knock(Relay(script=lambda _s, said, _l: answer if said in {verb, "HELO"} else None))
    assert shut.temporary
    assert shut.detail


def test_nobody_listens():
    """A refused connection says where."""

    async def go():
        async with Relay() as relay:
            port = relay.port
        with pytest.raises(DoorShut) as shut:
            await open_channel(Door(host="127.0.0.1", port=port, tls="none"), pace=Pace.PLAIN)
        return shut.value, port

    shut, port = asyncio.run(go())
    assert (shut.temporary, str(port) in shut.detail) == (True, True)


def test_what_came_in_clear_after_starttls_counts_for_nothing(tls):
    """A man in the middle may put words before the handshake (CVE-2011-0411): none of them is taken for an answer."""
    context, _ = tls("localhost")
    both = [b"220 go on\r\n", b"250-relay\r\n250 PIPELINING\r\n"]

    class Injecting(Relay):
        def _reply(self, session, verb, line):
            offers = super()._reply(session, verb, line)
            return offers.replace(b"250-PIPELINING\r\n", b"") if verb == "EHLO" else offers

        async def _talk(self, session, reader, writer):
            writer.write(b"220 relay ESMTP\r\n")
            await reader.readuntil(b"\n")
            writer.write(self._reply(session, "EHLO", ""))
            await reader.readuntil(b"\n")
            writer.write(b"".join(both))
            await writer.start_tls(context)
            session.encrypted = True
            while await reader.readuntil(b"\n"):
                writer.write(self._reply(session, "EHLO", ""))

    async def go():
        async with Injecting(tls=context) as relay:
            door = Door(host="127.0.0.1", port=relay.port, tls="starttls", verify=False)
            try:
                channel = await open_channel(door, pace=Pace.OVERLAPPED)
            except DoorShut as shut:
                return shut
            return channel.pace

    assert asyncio.run(asyncio.wait_for(go(), 20)) is not Pace.OVERLAPPED


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """Make a server's context with a certificate for a name, and the context of a client that trusts whoever made it."""

    def make(name):
        key = ec.generate_private_key(ec.SECP256R1())
        who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = clock.now()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(who)
            .issuer_name(who)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        path = tmp_path_factory.mktemp("tls") / "both.pem"
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(path)
        return server, ssl.create_default_context(cafile=str(path))

    return make


@pytest.mark.parametrize("kind", ["starttls", "tls"])
def test_a_good_certificate_for_another_name(monkeypatch, tls, kind):
    """Whoever can prove another name isn't our relay: nothing is said to it, and only a person can mend that."""
    server, client = tls("mail.elsewhere.example")
    monkeypatch.setattr(smtp, "context", lambda *, verify: client)

    async def go():
        relay = Relay(tls=server)
        if kind == "starttls":
            async with relay:
                with pytest.raises(DoorShut) as shut:
                    await open_channel(Door(host="localhost", port=relay.port, tls=kind), pace=Pace.PLAIN)
                assert not any(line.startswith(("MAIL", "AUTH")) for line in relay.sessions[0].lines)
                return shut.value
        listening = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0, ssl=server)
        async with listening:
            with pytest.raises(DoorShut) as shut:
                port = listening.sockets[0].getsockname()[1]
                await open_channel(Door(host="localhost", port=port, tls=kind), pace=Pace.PLAIN)
        return shut.value

    shut = asyncio.run(asyncio.wait_for(go(), 20))
    assert "localhost" in shut.detail
    assert not shut.temporary


@pytest.mark.parametrize("kind", ["starttls", "tls"])
def test_tls_that_fails(kind):
    """A server that offers TLS and can't is a failure of its own, not of a message."""
    broken = lambda _s, said, _l: [b"454 4.7.0 TLS not available\r\n"] if said == "STARTTLS" else None  # noqa: E731

    class Broken(Relay):
        def _reply(self, session, verb, line):
            return super()._reply(session, verb, line).replace(b"250 HELP", b"250 STARTTLS")

        async def _talk(self, session, reader, writer):
            writer.write(b"220 relay ESMTP\r\n")
            while line := (await reader.readuntil(b"\n")).decode():
                writer.write(
                    broken(session, line.split()[0], line)[0]
                    if line.startswith("STARTTLS")
                    else self._reply(session, line.split()[0], line)
                )

    shut, took = _knock(Broken(), tls=kind)
    assert shut.temporary
    assert took < 5
