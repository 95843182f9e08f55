"""Mails that come together share a write and a sync; each is told the truth about itself."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from posthouse.inbound.spool import gathering, services
from posthouse.inbound.spool.files import Envelope, unpack_all
from posthouse.inbound.spool.gathering import LANES, Gathering, store_each
from posthouse.inbound.spool.queries import count_waiting, waiting
from posthouse.inbound.spool.services import SpoolBroken, SpoolFull, prepare, store_together

ENVELOPE = Envelope("", ("a@mail.example",), "192.0.2.1", "mx.example", "esmtp", datetime(2026, 1, 2, tzinfo=UTC))
Main = Callable[[Gathering], Coroutine[Any, Any, None]]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """A disk that takes nothing until it is let."""
    gate = threading.Event()

    def wait(*args: Any) -> Any:
        assert gate.wait(10)
        return store_together(*args)

    monkeypatch.setattr(gathering, "store_together", wait)
    return gate


def _with(spool: Path, main: Main, on_stored: Callable[[], None] = lambda: None) -> None:
    async def run() -> None:
        gathered = Gathering(spool, on_stored)
        try:
            await main(gathered)
        finally:
            gathered.close()

    prepare(spool)
    asyncio.run(run())


def _contents(spool: Path) -> list[bytes]:
    return sorted(content for path in waiting(spool, limit=100) for _, content in unpack_all(path.read_bytes()))


def test_what_comes_while_the_disk_works_is_stored_together(tmp_path: Path, slow: threading.Event) -> None:
    """The first mails go at once, one a lane; all others share one file, and the doorbell rings once for each file."""
    rung: list[int] = []

    async def main(gathered: Gathering) -> None:
        kept = [asyncio.ensure_future(gathered.keep(ENVELOPE, b"%d" % number)) for number in range(LANES + 7)]
        await asyncio.sleep(0)
        assert not any(one.done() for one in kept)
        slow.set()
        await asyncio.gather(*kept)

    _with(tmp_path, main, lambda: rung.append(1))
    files = waiting(tmp_path, limit=100)
    assert _contents(tmp_path) == sorted(b"%d" % number for number in range(LANES + 7))
    assert len(files) < LANES + 7
    assert len(rung) == len(files)
    assert count_waiting(tmp_path, up_to=100) == LANES + 7
    assert count_waiting(tmp_path, up_to=3) == 3


def test_nobody_is_told_before_the_folder_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is awaited ends after the last sync of its file."""
    synced: list[Path] = []
    real = services._sync_folder
    monkeypatch.setattr(services, "_sync_folder", lambda path: (real(path), synced.append(path)))

    async def main(gathered: Gathering) -> None:
        await gathered.keep(ENVELOPE, b"x")
        assert synced == [tmp_path / "new"]

    _with(tmp_path, main)


def test_a_mail_too_big_for_the_disk_hinders_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the batch fails each is tried alone."""
    prepare(tmp_path)

    def small_only(root: Path, mails: list[tuple[Envelope, bytes]]) -> Path:
        if sum(len(content) for _, content in mails) > 100:
            raise SpoolFull("no room")
        return store_together(root, mails)

    monkeypatch.setattr(gathering, "store_together", small_only)
    outcomes = store_each(tmp_path, [(ENVELOPE, b"a"), (ENVELOPE, b"b" * 101), (ENVELOPE, b"c")])
    assert [type(outcome) for outcome in outcomes] == [type(None), SpoolFull, type(None)]
    assert _contents(tmp_path) == [b"a", b"c"]


def test_a_failure_of_ours_is_each_ones_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No dialogue waits for ever, and the next mail is stored again."""

    def broken(*_args: Any) -> None:
        raise ZeroDivisionError

    async def main(gathered: Gathering) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(gathering, "store_together", broken)
            with pytest.raises(ZeroDivisionError):
                await gathered.keep(ENVELOPE, b"x")
        await gathered.keep(ENVELOPE, b"y")

    _with(tmp_path, main)
    assert _contents(tmp_path) == [b"y"]


def test_stopping_waits_for_the_disk_and_refuses_the_rest(tmp_path: Path, slow: threading.Event) -> None:
    """What has begun is stored; what only waited is refused, and kept nowhere."""

    async def main(gathered: Gathering) -> None:
        kept = []
        for number in range(LANES + 2):
            kept.append(asyncio.ensure_future(gathered.keep(ENVELOPE, b"%d" % number)))
            for _ in range(3):  # the lanes take one each
                await asyncio.sleep(0)
        threading.Timer(0.05, slow.set).start()
        gathered.close()
        outcomes = await asyncio.gather(*kept, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [type(None)] * LANES + [SpoolBroken] * 2
        with pytest.raises(SpoolBroken):
            await gathered.keep(ENVELOPE, b"late")

    _with(tmp_path, main)
    assert _contents(tmp_path) == [b"%d" % number for number in range(LANES)]


def test_a_sender_who_leaves_spoils_nothing(tmp_path: Path, slow: threading.Event) -> None:
    """Its mail is stored all the same; the others of its batch are told."""

    async def main(gathered: Gathering) -> None:
        leaves, stays = (asyncio.ensure_future(gathered.keep(ENVELOPE, words)) for words in (b"leaves", b"stays"))
        await asyncio.sleep(0)
        leaves.cancel()
        slow.set()
        await stays

    _with(tmp_path, main)
    assert _contents(tmp_path) == [b"leaves", b"stays"]


def test_mails_that_come_just_as_a_batch_is_done_are_not_forgotten(tmp_path: Path) -> None:
    """Each keeps the next as soon as it is told, many times over."""

    async def talk(gathered: Gathering, name: bytes) -> None:
        for number in range(10):
            await gathered.keep(ENVELOPE, name + b"%d" % number)

    async def main(gathered: Gathering) -> None:
        async with asyncio.timeout(30):
            await asyncio.gather(*(talk(gathered, b"%d." % number) for number in range(6)))

    _with(tmp_path, main)
    assert count_waiting(tmp_path, up_to=99) == 60
