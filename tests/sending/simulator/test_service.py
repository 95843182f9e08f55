"""The running simulator, over real SMTP, DNS and HTTP on loopback."""

from __future__ import annotations

import asyncio
import base64
import json
import smtplib
import socket
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from posthouse.platform import clock
from posthouse.sending.simulator.ledger import read
from posthouse.sending.simulator.scenario import load
from posthouse.sending.simulator.service import LEDGER, Simulator, SimulatorConfig, identity

SCENARIO = replace(load(), pace=dict.fromkeys(load().pace, (0.0, 0.01)))
PATIENCE_SECONDS = 60


class Running:
    """A simulator in a thread of its own, with helpers that speak to it from outside."""

    def __init__(self, simulator: Simulator, loop: asyncio.AbstractEventLoop) -> None:
        self.simulator, self.loop = simulator, loop

    def call(self, path: str, *, method: str = "GET", body: Any = None, host: str = "127.0.0.1") -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.simulator.state_port}{path}", data, {"Host": host}, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as response:
            return dict(json.load(response))

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = clock.monotonic() + PATIENCE_SECONDS
        while clock.monotonic() < deadline:
            state = self.call("/state")
            if state["quiet"] and holds(state["totals"]):
                return state
        raise AssertionError(f"not so within {PATIENCE_SECONDS} s: {self.call('/state')}")

    def smtp(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.simulator.smtp_port, timeout=10)


@contextmanager
def running(config: SimulatorConfig) -> Iterator[Running]:
    """Run a simulator until the block ends."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def make() -> Simulator:
        simulator = Simulator(config)
        await simulator.start()
        return simulator

    def run(work: Awaitable[Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    simulator = run(make())
    try:
        yield Running(simulator, loop)
    finally:
        run(simulator.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Running]:
    """A simulator that verifies and whose reports nobody takes."""
    with running(SimulatorConfig(data=tmp_path, scenario=SCENARIO, inbound=("127.0.0.1", 1))) as one:
        yield one


def letter(number: int = 1, *, sender: str = "news@shop.example") -> bytes:
    return f"From: Shop <{sender}>\r\nTo: you@x.example\r\nSubject: Hi\r\nMessage-ID: <{number}@shop.example>\r\n\r\n.. dots\r\n.\r\nend\r\n".encode()


def key_pair() -> tuple[bytes, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()


def test_signatures_are_verified_with_published_keys(sim: Running) -> None:
    """A good signature passes; a changed letter, an unsigned one and a foreign signer fail."""
    private, record = key_pair()
    names = [f"s1._domainkey.{domain}" for domain in ("shop.example", "other.example")]
    sim.call("/dns", method="PUT", body=[{"name": name, "type": "TXT", "value": record} for name in names])
    good = dkim.sign(letter(1), b"s1", b"shop.example", private) + letter(1)
    broken = good.replace(b"Subject: Hi", b"Subject: Ho").replace(b"<1@", b"<2@")
    foreign = dkim.sign(letter(3), b"s1", b"other.example", private) + letter(3)
    with sim.smtp() as client:
        for data in (good, broken, foreign, letter(4)):
            client.sendmail("b-1@bounce.test", ["accept@gmail.example"], data)
    totals = sim.until(lambda totals: totals["dkim_pass"] + totals["dkim_fail"] == 4)["totals"]
    assert (totals["dkim_pass"], totals["dkim_fail"], totals["accepted"]) == (1, 3, 4)


def test_copies_are_told_from_letters(sim: Running) -> None:
    """The same Message-ID to the same recipient twice is one letter and one duplicate; another recipient is another letter."""
    with sim.smtp() as client:
        for recipient in ("accept@gmail.example", "accept@gmail.example", "accept+2@gmail.example"):
            client.sendmail("b-1@bounce.test", [recipient], letter(7))
    totals = sim.call("/state")["totals"]
    assert (totals["copies"], totals["accepted"], totals["duplicates"]) == (3, 2, 1)
    assert sim.call("/state")["senders"]["shop.example"]["accepted"] == 2


def test_the_ledger_is_read_again_after_a_restart(tmp_path: Path) -> None:
    """Counts and duplicates go on where they stood, and a line cut short is left out."""
    config = SimulatorConfig(data=tmp_path, scenario=SCENARIO, verify=False)
    with running(config) as first, first.smtp() as client:
        client.sendmail("b-1@bounce.test", ["accept@gmail.example"], letter(1))
    with (tmp_path / LEDGER).open("ab") as file:
        file.write(b'["accepted",1.0,2,"<2@shop')
    with running(config) as second, second.smtp() as client:
        client.sendmail("b-1@bounce.test", ["accept@gmail.example"], letter(1))
        assert second.call("/state")["totals"]["duplicates"] == 1
    assert [entry.verb for entry in read(tmp_path / LEDGER)] == ["accepted", "accepted"]


def test_a_deferral_passes_on_the_retry_and_a_refusal_never(sim: Running) -> None:
    """greylist: 4xx once, then accepted; unknown: 5xx each time; the words are the provider's."""
    with sim.smtp() as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as first:
            client.sendmail("b-1@bounce.test", ["defer@small.example"], letter(1))
        assert next(iter(first.value.recipients.values()))[0] // 100 == 4
        client.sendmail("b-1@bounce.test", ["defer@small.example"], letter(1))
        for _attempt in range(2):
            with pytest.raises(smtplib.SMTPRecipientsRefused, match="does not exist"):
                client.sendmail("b-1@bounce.test", ["unknown@gmail.example"], letter(2))
    totals = sim.call("/state")["totals"]
    assert (totals["deferred"], totals["refused"], totals["accepted"]) == (1, 1, 1)


def test_a_refusal_after_data_spares_who_takes_it(sim: Running) -> None:
    """One reply answers for all recipients: it is a refusal only when nobody takes the letter."""
    with sim.smtp() as client:
        client.sendmail("b-1@bounce.test", ["content@firma.example", "accept@firma.example"], letter(1))
        with pytest.raises(smtplib.SMTPDataError):
            client.sendmail("b-1@bounce.test", ["content@firma.example"], letter(2))
    assert sim.call("/state")["totals"]["accepted"] == 1


@pytest.mark.parametrize(
    ("talk", "reply"),
    [
        (b"NONSENSE\r\n", b"500"),
        (b"RCPT TO:<a@b.example>\r\n", b"503"),
        (b"DATA\r\n", b"503"),
        (b"MAIL FROM:a@b.example\r\n", b"501"),
        (b"MAIL FROM:<a@b.example> SIZE=99999999999\r\n", b"552"),
        (b"MAIL FROM:<a@b.example>\r\nRCPT TO:<nobody>\r\n", b"501"),
        ("MAIL FROM:<ü@b.example>\r\n".encode(), b"553"),
        (b"NOOP\n", b"521"),
        (b"X" * 5000, b"500"),
        (b"MAIL FROM:<a@b.example>\r\nRCPT TO:<accept@b.example>\r\nDATA\r\nX: y\nz\r\n\r\n.\r\n", b"550"),
        ("MAIL FROM:<a@b.example> SMTPUTF8\r\nRCPT TO:<accept+ü@b.example>\r\nDATA\r\n.\r\n".encode(), b"250"),
    ],
)
def test_the_dialogue_is_strict(sim: Running, talk: bytes, reply: bytes) -> None:
    """Each wrong input gets its own reply; the last one counts."""
    reader = _raw(sim, b"EHLO x\r\n" + talk)
    assert reader.splitlines()[-1].startswith(reply), reader


def test_everything_in_one_write_is_answered_in_order(sim: Running) -> None:
    """Two letters, the second envelope in the same write as the first body (RFC 2920)."""
    one = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<accept@b.example>\r\nDATA\r\n" + letter(1).replace(b"\r\n.", b"\r\n..") + b".\r\n"
    codes = [line[:3] for line in _raw(sim, b"HELO x\r\n" + one * 2 + b"QUIT\r\n").splitlines()]
    assert codes == [b"220", b"250", *[b"250", b"250", b"354", b"250"] * 2, b"221"]
    assert sim.call("/state")["totals"]["copies"] == 2


@pytest.mark.parametrize(("path", "method", "status"), [("/none", "GET", 404), ("/state", "DELETE", 405)])
def test_the_state_endpoint_refuses_what_it_does_not_know(sim: Running, path: str, method: str, status: int) -> None:
    """Unknown paths and methods have their status; a foreign Host and wrong records change nothing."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        sim.call(path, method=method)
    assert refused.value.code == status
    refused.value.close()
    for body, host, code in (([], "evil.example", 403), ([{"name": "x"}], "127.0.0.1", 400)):
        with pytest.raises(urllib.error.HTTPError) as again:
            sim.call("/dns", method="PUT", body=body, host=host)
        assert again.value.code == code
        again.value.close()
    assert sim.call("/dns") == {"records": []}


def test_identity_reads_folded_headers() -> None:
    """Message-ID on a continuation line and a From with a name are found; missing ones are empty."""
    assert identity(b"Message-Id:\r\n <a@b>\r\nFrom: =?utf-8?q?x?=\r\n <n@Shop.Example>\r\n\r\nbody") == ("<a@b>", "shop.example")
    assert identity(b"Subject: x\r\n\r\nFrom: no@body.example\r\n") == ("", "")


def _raw(sim: Running, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", sim.simulator.smtp_port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received
