"""An SMTP sink that notes every message it takes with one O_APPEND write before it says 250; runs as a process of its own."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path


class Sink(asyncio.Protocol):
    """One connection: pipelined, slow at the dot by up to `slow_seconds`, so that a kill finds messages on their way."""

    def __init__(self, note: int, slow_seconds: float, mute: bool) -> None:
        self._note = note
        self._mute = mute
        self._slow = slow_seconds
        self._buffer = b""
        self._recipient = b""
        self._in_data = False
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._go()

    def _go(self) -> None:
        while not self._busy:
            if self._in_data:
                _body, dot, rest = self._buffer.partition(b"\r\n.\r\n")
                if not dot:
                    return
                self._buffer, self._in_data, self._busy = rest, False, True
                asyncio.get_running_loop().call_later(random.random() * self._slow, self._take)
                return
            line, end, rest = self._buffer.partition(b"\r\n")
            if not end:
                return
            self._buffer = rest
            self._command(line)

    def _command(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"EHLO":
            self._transport.write(b"250-sink\r\n250 PIPELINING\r\n")
        elif verb == b"DATA":
            self._in_data = True
            self._transport.write(b"354 go on\r\n")
        elif verb == b"QUIT":
            self._transport.write(b"221 bye\r\n")
            self._transport.close()
        else:
            if verb == b"RCPT":
                self._recipient = line.partition(b"<")[2].partition(b">")[0]
            self._transport.write(b"250 ok\r\n")

    def _take(self) -> None:
        os.write(self._note, self._recipient + b"\n")
        if self._mute:
            return
        self._busy = False
        if not self._transport.is_closing():
            self._transport.write(b"250 2.0.0 taken\r\n")
        self._go()


async def serve(path: Path, slow_seconds: float, told: int, port: int, mute: bool) -> None:
    note = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    server = await asyncio.get_running_loop().create_server(lambda: Sink(note, slow_seconds, mute), "127.0.0.1", port)
    os.write(told, str(server.sockets[0].getsockname()[1]).encode() + b"\n")
    await server.serve_forever()


def start(path: Path, *, slow_seconds: float, port: int = 0, mute: bool = False) -> tuple[int, int]:
    """Fork the sink; returns its process id and port, a free one where none is given. A mute one notes and never answers."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(serve(path, slow_seconds, writing, port, mute))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        return child, int(pipe.readline())
