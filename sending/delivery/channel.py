"""One open SMTP connection after its greeting: bytes out, replies in, strictly in order.

It takes over the transport that the SMTP library connected, encrypted and authenticated (`smtp.py`). It knows how many
replies are due, so a reply nobody asked for can never be taken for an answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import IntEnum, StrEnum
from typing import cast

from posthouse.sending.delivery.wire import Offers, Reply, ReplyReader, WireError

# RFC 5321 section 4.5.3.2 allows a server five minutes for MAIL and RCPT; a relay that needs longer than this is ill, and
# another connection does better.
COMMAND_SECONDS = 60.0
# The reply to the final dot is the one that must not be missed: giving up early makes duplicates (RFC 1047).
DOT_SECONDS = 300.0
QUIT_SECONDS = 2.0
_CONSENT = (2, 2, 3)


class Pace(IntEnum):
    """How much may be written before a reply is awaited (RFC 2920)."""

    PLAIN = 0
    GROUPED = 1  # MAIL, RCPT and DATA in one write
    OVERLAPPED = 2  # and the next envelope together with the body before it: one round trip a message


class Lost(StrEnum):
    """Why a connection is gone."""

    DROPPED = "dropped"
    SILENT = "silent"
    GARBLED = "garbled"
    CLOSED = "closed"


class Gone(Exception):
    """The connection is over: nothing more can be said or heard on it."""

    def __init__(self, why: Lost, detail: str) -> None:
        super().__init__(detail)
        self.why = why
        self.detail = detail


class Channel(asyncio.Protocol):
    """Speaks on one transport. One task at a time may wait for replies."""

    def __init__(
        self, transport: asyncio.Transport, offers: Offers, pace: Pace, *, ending: Callable[[asyncio.BaseTransport], None] | None = None
    ) -> None:
        self.offers = offers
        self.pace = pace if offers.pipelining else Pace.PLAIN
        self.begun = 0  # messages whose envelope was written on this connection
        self.unfinished = False  # the server holds a refused transaction: RSET before the next MAIL, whoever writes it
        self._transport = transport
        self._ending = ending
        self._loop = asyncio.get_running_loop()
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()
        self._due = 0
        self._waiter: asyncio.Future[None] | None = None
        self._gone: Gone | None = None
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def alive(self) -> bool:
        """Whether another message may be tried on it."""
        return self._gone is None and not self._transport.is_closing()

    def write(self, data: bytes, more: bytes = b"", *, replies: int) -> None:
        """Send bytes that the server must answer with so many replies; `more` follows without a copy being made. Raises: Gone."""
        if self._gone is not None:
            raise self._gone
        self._due += replies
        if more:
            self._transport.writelines((data, more))
        else:
            self._transport.write(data)

    def take_consent(self) -> bool:
        """Take the answers to MAIL, RCPT and DATA if all are there and all say yes; otherwise leave them."""
        replies = self._replies
        if len(replies) < 3 or (replies[0].code // 100, replies[1].code // 100, replies[2].code // 100) != _CONSENT:
            return False
        for _ in _CONSENT:
            replies.popleft()
        self._due -= 3
        return True

    async def reply(self, timeout_seconds: float = COMMAND_SECONDS) -> Reply:
        """Return the next reply that is due. Raises: Gone."""
        while not self._replies:
            if self._gone is not None:
                raise self._gone
            await self._wait(timeout_seconds)
        self._due -= 1
        return self._replies.popleft()

    async def _wait(self, timeout_seconds: float) -> None:
        self._deadline = self._loop.time() + timeout_seconds
        if self._timer is None or self._timer.when() > self._deadline:
            self._arm(self._deadline)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._deadline = None

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._tick)

    def _tick(self) -> None:
        """One timer serves all waits: setting one for each reply would cost as much as the reply."""
        self._timer = None
        if self._deadline is None:
            return
        if self._loop.time() < self._deadline:
            self._arm(self._deadline)
            return
        self._fail(Gone(Lost.SILENT, "the server didn't answer in time"))

    def data_received(self, data: bytes) -> None:
        """Take what the server said."""
        try:
            replies = self._reader.feed(data)
        except WireError as error:
            self._fail(Gone(Lost.GARBLED, str(error)))
            return
        if len(self._replies) + len(replies) <= self._due:
            self._replies += replies
        else:
            for reply in replies:
                self._take(reply)
        if self._replies:  # bytes alone wake nobody: the deadline is the reply's, however slowly it drips
            self._wake()

    def _take(self, reply: Reply) -> None:
        if len(self._replies) < self._due:
            self._replies.append(reply)
        elif reply.code == 421:
            # RFC 5321 section 3.8: a server that must shut down says so at any time.
            self._fail(Gone(Lost.CLOSED, f"421 {reply.text}"))
        else:
            self._fail(Gone(Lost.GARBLED, f"a reply that nothing asked for: {reply.code} {reply.text}"[:200]))

    def eof_received(self) -> bool:
        """Close when the server does."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        self._fail(Gone(Lost.DROPPED, str(exc) if exc else "the server closed the connection"))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fail(self, gone: Gone) -> None:
        if self._gone is None:
            self._gone = gone
        if not self._transport.is_closing():
            self._transport.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def drop(self) -> None:
        """Cut the connection at once: what hasn't left its buffer never will."""
        self._fail(Gone(Lost.CLOSED, "we cut the connection"))

    async def quit(self) -> None:
        """Say goodbye and close; never raises, never waits long."""
        if self._ending is not None and self.alive:
            self._ending(self._transport)
        try:
            self.write(b"QUIT\r\n", replies=1)
            await self.reply(QUIT_SECONDS)
        except Gone:
            pass
        self.drop()


def adopt(
    transport: asyncio.BaseTransport, offers: Offers, pace: Pace, *, ending: Callable[[asyncio.BaseTransport], None] | None = None
) -> Channel:
    """Take a connected transport over from the library that opened it; `ending` is told when it is given up while well."""
    stream = cast("asyncio.Transport", transport)
    channel = Channel(stream, offers, pace, ending=ending)
    stream.set_protocol(channel)
    return channel
