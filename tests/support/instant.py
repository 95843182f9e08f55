"""An SMTP sink that takes everything at once, and a source that sends as fast as it is let; each a process of its own.

Debian's smtp-sink and smtp-source (package postfix) are taken where they are installed; these two stand in for them, and
do the things that those can't: add milliseconds to every reply, note when a letter came. Where they stand in, both go through a letter line by
line for the sake of its dots as those do (RFC 5321 section 4.5.2).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

_SEARCH = "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin"
_END = b"\r\n.\r\n"


class Sink(asyncio.Protocol):
    """One connection of the sink."""

    def __init__(self, delay_seconds: float, note: int | None = None) -> None:
        self._delay = delay_seconds
        self._note = note
        self._stands_in = not delay_seconds and note is None
        self._recipient = b""
        self._letter = b""
        self._buffer = b""
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._say([b"220 sink"])

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        replies = []
        while True:
            end = self._buffer.find(_END if self._in_data else b"\r\n")
            if end < 0:
                break
            line = self._buffer[:4].upper()
            if self._in_data and self._stands_in:
                self._letter = _without_dots(self._buffer[2:end])
            elif line == b"RCPT":
                self._recipient = self._buffer[:end].partition(b"<")[2].partition(b">")[0]
            self._buffer = self._buffer[end + (5 if self._in_data else 2) :]
            replies.append(self._answer(line))
        if replies:
            self._say(replies)

    def _answer(self, verb: bytes) -> bytes:
        if self._in_data:
            self._in_data = False
            if self._note is not None:
                os.write(self._note, b"%s %.6f\n" % (self._recipient, time.monotonic()))
            return b"250 2.0.0 taken"
        if verb == b"DATA":
            self._in_data = True
            # The end may follow at once; a line break before it belongs to the command.
            self._buffer = b"\r\n" + self._buffer
            return b"354 go on"
        if verb == b"EHLO":
            return b"250-sink\r\n250-PIPELINING\r\n250-SIZE\r\n250 8BITMIME"
        return b"221 bye" if verb == b"QUIT" else b"250 ok"

    def _say(self, replies: list[bytes]) -> None:
        said = b"\r\n".join(replies) + b"\r\n"
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._write, said)
        else:
            self._write(said)

    def _write(self, said: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(said)


class Source(asyncio.Protocol):
    """One session of the source: a command, its answer, the next command, as smtp-source does it."""

    _STEPS = (b"MAIL FROM:<a@x.test>\r\n", b"RCPT TO:<b@x.test>\r\n", b"DATA\r\n")

    def __init__(self, letter: bytes, left: list[int], done: asyncio.Future[None]) -> None:
        self._letter = letter
        self._left = left
        self._done = done
        self._step = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._step == -1 and data.startswith(b"220"):
            self._transport.write(b"HELO source\r\n")
        elif data.startswith(b"354"):
            self._transport.write(_with_dots(self._letter) + _END)
            self._step = 0
        else:
            self._next()

    def _next(self) -> None:
        self._step = max(self._step, 0)
        if self._step == 0:
            if self._left[0] == 0:
                self._transport.close()
                return
            self._left[0] -= 1
        self._transport.write(self._STEPS[self._step])
        self._step += 1

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


def _with_dots(letter: bytes) -> bytes:
    return b"\r\n".join([b"." + line if line.startswith(b".") else line for line in letter.split(b"\r\n")])


def _without_dots(letter: bytes) -> bytes:
    return b"\r\n".join([line[1:] if line.startswith(b".") else line for line in letter.split(b"\r\n")])


async def _sink(port: int, delay_seconds: float, notes: str) -> None:
    note = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if notes else None
    server = await asyncio.get_running_loop().create_server(lambda: Sink(delay_seconds, note), "127.0.0.1", port, backlog=1_000)
    await server.serve_forever()


async def _source(port: int, messages: int, size: int, sessions: int) -> None:
    loop = asyncio.get_running_loop()
    letter = b"Subject: x\r\n\r\n" + (b"x" * 78 + b"\r\n") * (size // 80 - 1) + b"x" * 78
    left, ends = [messages], [loop.create_future() for _ in range(sessions)]
    for end in ends:
        await loop.create_connection(lambda end=end: Source(letter, left, end), "127.0.0.1", port)
    await asyncio.gather(*ends)


def program(name: str) -> str | None:
    """Return where one of Postfix's test programs is, None where it is not."""
    return shutil.which(name) or shutil.which(name, path=_SEARCH)


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def sink(*, delay_ms: int = 0, notes: str = "") -> Iterator[int]:
    """Run a sink, Postfix's where it can do what is asked; gives its port. `notes`: a file for each recipient and when it was taken."""
    port, theirs = free_port(), program("smtp-sink")
    command = [sys.executable, __file__, "sink", str(port), str(delay_ms), notes]
    if theirs and not delay_ms and not notes:
        as_whom = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [theirs, *as_whom, f"127.0.0.1:{port}", "1000"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(port)
            yield port
        finally:
            process.terminate()


def wait_for(port: int) -> None:
    """Wait until somebody listens. Raises: TimeoutError."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


def source_per_s(port: int, *, messages: int, size: int, sessions: int) -> float:
    """Send so many letters on kept connections, as Postfix's smtp-source does; returns letters a second of wall time."""
    command = [sys.executable, __file__, "source", str(port), str(messages), str(size), str(sessions)]
    theirs = program("smtp-source")
    if theirs:
        sizes = ["-s", str(sessions), "-d", "-l", str(size), "-m", str(messages)]
        command = [theirs, *sizes, "-f", "a@x.test", "-t", "b@x.test", f"127.0.0.1:{port}"]
    began = time.monotonic()
    subprocess.run(command, check=True)
    return messages / (time.monotonic() - began)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[2:6] if word.isdecimal()]
    uvloop.run(_sink(given[0], given[1] / 1000, sys.argv[4]) if sys.argv[1] == "sink" else _source(*given))
