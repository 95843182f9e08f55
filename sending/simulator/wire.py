"""A connection as lines and letters (RFC 5321 section 2.3.8): takes input apart, writes replies in groups, may wait, ends when idle."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import cast

from posthouse.sending.simulator import envelope

#: RFC 5321 section 4.5.3.1.4 asks for 512 with room for extensions; longer lines end the connection.
MAX_LINE_BYTES = 4096
#: Input waiting while a reply is being delayed.
MAX_WAITING_BYTES = 1_048_576
IDLE_SECONDS = 300.0


class Wire(ABC, asyncio.Protocol):
    """What is below the dialogue; who inherits says what a line and a letter mean."""

    def __init__(self, host: str, sessions: set[Wire]) -> None:
        self._host, self._sessions = host, sessions
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._in_data = False
        self._oversized = False
        self._scanned = 0
        self._paused = False
        self._closing = False
        self._client_ip = "127.0.0.1"
        self._idle: asyncio.TimerHandle | None = None
        self._last_input = 0.0

    @abstractmethod
    def _command(self, line: bytes) -> None:
        """Take one command line, without its CRLF."""

    @abstractmethod
    def _finish(self, body: bytes) -> None:
        """Take a letter that has come to its end."""

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the sender."""
        # uvloop's transports are not asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)
        peer = self._transport.get_extra_info("peername")
        self._client_ip = peer[0] if peer else "127.0.0.1"
        self._loop = asyncio.get_running_loop()
        self._sessions.add(self)
        self._touch()
        self._transport.write(f"220 {self._host} ESMTP ready\r\n".encode())

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; a letter not yet ended is not kept."""
        self._closing = True
        self._sessions.discard(self)
        if self._idle:
            self._idle.cancel()

    def data_received(self, data: bytes) -> None:
        """Take input and answer everything that is complete."""
        self._last_input = self._loop.time()
        self._buffer += data
        if self._paused:
            if len(self._buffer) > MAX_WAITING_BYTES:
                self._transport.pause_reading()
            return
        self._pump()

    def shut_down(self) -> None:
        """Close at once, saying so (RFC 5321 section 3.8)."""
        if not self._closing:
            self._end(f"421 4.3.2 {self._host} is shutting down\r\n".encode())

    # Input.

    def _pump(self) -> None:
        while not (self._closing or self._paused):
            taken = self._take_body() if self._in_data else self._take_line()
            if not taken:
                break
        self._flush()

    def _take_line(self) -> bool:
        end = self._buffer.find(b"\n", 0, MAX_LINE_BYTES)
        if end < 0:
            if len(self._buffer) >= MAX_LINE_BYTES:
                self._end(b"500 5.5.2 Line too long\r\n")
            return False
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if not line.endswith(b"\r\n"):
            # A bare line feed is how smuggled commands look; RFC 5321 section 2.3.8 knows only CRLF.
            self._end(b"521 5.5.2 Bare line feed\r\n")
            return False
        self._command(line[:-2])
        return True

    def _take_body(self) -> bool:
        if not self._oversized and self._buffer.startswith(b".\r\n"):
            body, rest = b"", 3
        else:
            end = self._buffer.find(b"\r\n.\r\n", max(self._scanned - 4, 0))
            if end < 0:
                self._wait_for_more()
                return False
            body, rest = bytes(memoryview(self._buffer)[: end + 2]), end + 5
        del self._buffer[:rest]
        self._in_data, self._scanned = False, 0
        self._finish(body)
        return True

    def _wait_for_more(self) -> None:
        if len(self._buffer) > envelope.MAX_MESSAGE_BYTES:
            # Read on to the end of the letter, keeping only what may be the start of its last line.
            self._oversized = True
            del self._buffer[:-4]
        self._scanned = len(self._buffer)

    # Output.

    def _say(self, reply: bytes) -> None:
        self._out.append(reply)

    def _end(self, last: bytes) -> None:
        self._say(last)
        self._flush()
        self._closing = True
        self._transport.close()

    def _flush(self) -> None:
        if self._out and not self._paused and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def _pause(self, seconds: float) -> None:
        self._paused = True
        self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        self._paused = False
        if self._closing:
            return
        self._transport.resume_reading()
        self._pump()

    def _touch(self) -> None:
        quiet = self._loop.time() - self._last_input if self._last_input else 0.0
        if quiet >= IDLE_SECONDS:
            self._end(b"421 4.4.2 Idle too long\r\n")
            return
        self._idle = self._loop.call_later(IDLE_SECONDS - quiet, self._touch)
