"""An SMTP server that follows a script: it accepts, refuses, stalls, tears replies apart and hangs up as it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

HANG_UP = b"\x00hang up"
SAY_NOTHING = b"\x00say nothing"
STOP_READING = b"\x00stop reading"
TAKE_TIME = b"\x00take time"  # 30 ms

# What a script returns for a command: bytes to write, one of the marks above, or None for the usual answer.
Script = Callable[["Session", str, str], "bytes | list[bytes] | None"]


def _usual(_session: Session, _verb: str, _line: str) -> None:
    return None


@dataclass
class Session:
    """One connection as the server saw it."""

    number: int
    lines: list[str] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    sender: str | None = None
    recipients: list[str] = field(default_factory=list)
    accepted: int = 0
    encrypted: bool = False
    resumed: bool = False
    peer: str = ""


@dataclass
class Relay:
    """A scripted server; `accepted` has (recipient, data) of every message that got 250 after its final dot."""

    script: Script = _usual
    extensions: tuple[str, ...] = ("PIPELINING", "SIZE 1000000", "8BITMIME", "ENHANCEDSTATUSCODES")
    bears_pipelining: bool = True
    tls: ssl.SSLContext | None = None
    sessions: list[Session] = field(default_factory=list)
    accepted: list[tuple[str, bytes]] = field(default_factory=list)
    port: int = 0
    most_open: int = 0  # connections at the same time
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.most_open = max(self.most_open, len(self._tasks))
        session = Session(len(self.sessions) + 1, peer=writer.get_extra_info("peername")[0])
        self.sessions.append(session)
        try:
            await self._talk(session, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, _HungUp):
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _talk(self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._answer(session, "CONNECT", "", b"220 relay.test ESMTP\r\n", writer)
        while True:
            raw = await reader.readuntil(b"\n")
            line = raw.decode().rstrip("\r\n")
            verb = line.split(" ")[0].split(":")[0].upper()
            session.lines.append(line)
            if not self.bears_pipelining and reader._buffer:
                writer.write(b"554 5.5.0 SMTP synchronization error\r\n")
                return
            if verb == "DATA":
                await self._data(session, line, reader, writer)
            elif verb == "STARTTLS":
                writer.write(b"220 go on\r\n")
                assert self.tls is not None
                await writer.start_tls(self.tls)
                session.encrypted = True
                session.resumed = writer.get_extra_info("ssl_object").session_reused
            else:
                await self._answer(session, verb, line, self._reply(session, verb, line), writer)
            if verb == "QUIT":
                return

    def _reply(self, session: Session, verb: str, line: str) -> bytes:
        if verb == "EHLO":
            offers = [*self.extensions, *(["STARTTLS"] if self.tls and not session.encrypted else []), "HELP"]
            return b"".join(f"250{'-' if offer != 'HELP' else ' '}{offer}\r\n".encode() for offer in ["relay.test", *offers])
        if verb == "MAIL":
            if session.sender is not None:
                return b"503 5.5.1 nested MAIL\r\n"
            return b"250 2.1.0 ok\r\n"
        if verb == "RCPT":
            return b"250 2.1.5 ok\r\n" if session.sender is not None else b"503 5.5.1 MAIL first\r\n"
        if verb == "RSET":
            session.sender, session.recipients = None, []
        return b"221 bye\r\n" if verb == "QUIT" else b"250 2.0.0 ok\r\n"

    async def _answer(self, session: Session, verb: str, line: str, usual: bytes, writer: asyncio.StreamWriter) -> bytes:
        said = self.script(session, verb, line)
        parts = usual if said is None else said
        for part in [parts] if isinstance(parts, bytes) else parts:
            if part == HANG_UP:
                await writer.drain()
                raise _HungUp
            if part == SAY_NOTHING:
                continue
            if part == TAKE_TIME:
                await asyncio.sleep(0.03)
                continue
            if part == STOP_READING:
                await asyncio.Event().wait()
            writer.write(part)
            await asyncio.sleep(0)
        last = parts if isinstance(parts, bytes) else parts[-1]
        if last[:1] == b"2":
            self._note(session, verb, line)
        return last

    def _note(self, session: Session, verb: str, line: str) -> None:
        if verb == "MAIL":
            session.sender = line.split("<")[1].split(">", maxsplit=1)[0]
        elif verb == "RCPT":
            session.recipients.append(line.split("<")[1].split(">", maxsplit=1)[0])

    async def _data(self, session: Session, line: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        usual = b"354 go on\r\n" if session.recipients else b"503 5.5.1 no valid recipients\r\n"
        said = await self._answer(session, "DATA", line, usual, writer)
        if said[:1] != b"3":
            return
        body = b""
        while not (body == b".\r\n" or body.endswith(b"\r\n.\r\n")):
            body += await reader.readuntil(b"\n")
        recipients, session.sender, session.recipients = session.recipients, None, []
        usual = b"250 2.0.0 queued\r\n" if recipients else b"554 5.5.1 no valid recipients\r\n"
        said = await self._answer(session, "DOT", ",".join(recipients), usual, writer)
        if said[:1] == b"2":
            session.accepted += 1
            self.accepted.extend((recipient, body) for recipient in recipients)


class _HungUp(Exception):
    pass
