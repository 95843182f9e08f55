"""A renewed certificate is shown to whoever comes next, by every door, while open connections go on."""

from __future__ import annotations

import asyncio
import smtplib
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import uvloop
from certificates import after_starttls, make_certificate, shown, shown_at_once

from posthouse.inbound.listener.certificate import Certificate
from posthouse.inbound.listener.server import Door, Listener


class _Loop:
    """An event loop on a thread."""

    def __init__(self) -> None:
        self.loop = uvloop.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, made: Callable[[], object]) -> object:
        async def go() -> object:
            found = made()
            return await found if asyncio.iscoroutine(found) else found

        return asyncio.run_coroutine_threadsafe(go(), self.loop).result(10)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


@pytest.fixture
def loop() -> Iterator[_Loop]:
    with closing(_Loop()) as running:
        yield running


@pytest.fixture
def listener(loop: _Loop, tmp_path: Path) -> Iterator[tuple[Listener, int]]:
    chain, key = make_certificate(tmp_path, serial=1)
    door = Door("127.0.0.1", 0, "mx.mail.example", frozenset({"mail.example"}), tmp_path / "spool", chain, key, lmtp_port=0)
    made = Listener(door, is_genuine=lambda _: True)
    port = loop.run(made.start)
    assert isinstance(port, int)
    yield made, port
    loop.run(made.stop)


def test_smtp_and_lmtp_show_a_renewed_certificate(loop: _Loop, listener: tuple[Listener, int], tmp_path: Path) -> None:
    """Who is connected stays so, and hands a mail in by the old one; who comes next sees the new one."""
    made, port = listener
    clients = [(port, smtplib.SMTP), (made.lmtp_port, smtplib.LMTP)]
    before = [after_starttls(*one) for one in clients]
    make_certificate(tmp_path, serial=2)
    loop.run(made.renew_certificate)
    after = [after_starttls(*one) for one in clients]
    assert [shown(one.sock) for one in before] == [1, 1]
    assert [shown(one.sock) for one in after] == [2, 2]
    for one in before + after:
        assert one.sendmail("", ["postmaster@mail.example"], "Subject: x\r\n\r\nHello\r\n") == {}
        one.close()


def test_files_are_looked_at_by_themselves(loop: _Loop, tmp_path: Path) -> None:
    """Nobody needs to send a signal."""
    held = Certificate(*make_certificate(tmp_path, serial=1), "INBOUND")

    async def go() -> None:
        watching = asyncio.create_task(held.watch(0.01))
        make_certificate(tmp_path, serial=2)
        while held.renew() or held._present is first:
            await asyncio.sleep(0.01)
        watching.cancel()

    first = held._present
    loop.run(go)


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_tls_from_the_first_byte(tmp_path: Path, kind: str) -> None:
    """With a host named (SNI) and without."""
    held = Certificate(*make_certificate(tmp_path, serial=1), "SUBMISSION")

    async def go() -> list[int]:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=held.context)
        port = server.sockets[0].getsockname()[1]
        found = []
        for _ in range(2):
            found += [await asyncio.to_thread(shown_at_once, port, name) for name in ("mx.mail.example", None)]
            make_certificate(tmp_path, serial=2)
            held.renew()
        server.close()
        return found

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if kind == "uvloop" else asyncio.new_event_loop) as runner:
        assert runner.run(go()) == [1, 1, 2, 2]


def test_half_a_pair_changes_nothing_until_the_other_half_is_there(tmp_path: Path) -> None:
    """Renewing programs write one file after the other."""
    (tmp_path / "other").mkdir()
    chain, key = make_certificate(tmp_path, serial=1)
    held = Certificate(chain, key, "INBOUND")
    assert held.renew() is False
    new_chain, new_key = make_certificate(tmp_path / "other", serial=2)
    chain.write_bytes(new_chain.read_bytes())
    assert held.renew() is False
    key.unlink()
    assert held.renew() is False
    key.write_bytes(new_key.read_bytes())
    assert held.renew() is True
    assert held.renew() is False
