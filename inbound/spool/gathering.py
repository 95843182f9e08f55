"""Keep mails that come at the same time with one write and one sync: while one batch is on its way to the disk, the next gathers."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from posthouse.inbound.spool.files import Envelope
from posthouse.inbound.spool.services import SpoolBroken, SpoolFull, store_together

Mail = tuple[Envelope, bytes]

LANES = 2  # batches on their way to the disk at the same time
TOGETHER = 64  # mails in one batch
TOGETHER_BYTES = 4 * 1024 * 1024  # a batch is full with the mail that reaches it


class Gathering:
    """The way into one spool for all connections of one event loop. Nobody waits for company: an idle disk takes a mail at once."""

    def __init__(self, spool: Path, on_stored: Callable[[], None]) -> None:
        self._spool = spool
        self._on_stored = on_stored
        # Disk work happens here, never in the event loop: one slow fsync must not hold up every connection.
        self._threads = ThreadPoolExecutor(max_workers=LANES, thread_name_prefix="spool")
        self._waiting: deque[tuple[Mail, asyncio.Future[None]]] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._busy = 0  # lanes that will look at what waits once more; a task is done only a turn later
        self._closed = False

    async def keep(self, envelope: Envelope, content: bytes) -> None:
        """Return when the mail would survive a power cut. Raises: SpoolFull, SpoolBroken."""
        if self._closed:
            raise SpoolBroken("the service is stopping")
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[None] = loop.create_future()
        self._waiting.append(((envelope, content), kept))
        if self._busy < LANES:
            self._busy += 1
            lane = loop.create_task(self._store_what_waits())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        await kept

    async def _store_what_waits(self) -> None:
        try:
            while self._waiting and not self._closed:
                await self._store_batch(*self._gathered())
        finally:
            self._busy -= 1

    async def _store_batch(self, mails: list[Mail], waiters: list[asyncio.Future[None]]) -> None:
        outcomes: Sequence[Exception | None]
        try:
            outcomes = await asyncio.get_running_loop().run_in_executor(self._threads, store_each, self._spool, mails)
        except Exception as problem:  # each dialogue answers it
            outcomes = [problem] * len(mails)
        _tell(waiters, outcomes)
        if None in outcomes:
            self._on_stored()

    def _gathered(self) -> tuple[list[Mail], list[asyncio.Future[None]]]:
        mails: list[Mail] = []
        waiters: list[asyncio.Future[None]] = []
        size = 0
        while self._waiting and len(mails) < TOGETHER and size < TOGETHER_BYTES:
            mail, waiter = self._waiting.popleft()
            mails.append(mail)
            waiters.append(waiter)
            size += len(mail[1])
        return mails, waiters

    def close(self) -> None:
        """Wait for the disk; what has not begun is refused, and its sender repeats it."""
        self._closed = True
        left = [waiter for _, waiter in self._waiting]
        self._waiting.clear()
        _tell(left, [SpoolBroken("the service is stopping")] * len(left))
        self._threads.shutdown(wait=True)


def store_each(root: Path, mails: Sequence[Mail]) -> list[Exception | None]:
    """Store mails together or, where that fails, each alone, so that none is refused for another's size; returns what hindered each."""
    try:
        store_together(root, mails)
    except (SpoolFull, SpoolBroken) as problem:
        if len(mails) == 1:
            return [problem]
        return [outcome for mail in mails for outcome in store_each(root, [mail])]
    return [None] * len(mails)


def _tell(waiters: Sequence[asyncio.Future[None]], outcomes: Sequence[Exception | None]) -> None:
    for waiter, outcome in zip(waiters, outcomes, strict=True):
        if waiter.done():  # its connection was cut
            continue
        if outcome is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(outcome)
