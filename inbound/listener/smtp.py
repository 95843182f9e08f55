"""aiosmtpd's SMTP dialogue with the guards that it lacks.

Left alone it grows without bound on a line with no end, refuses lines over 1,001 bytes that real bounces have, and takes a
bare LF for the end of a command. See the tests of rows 38 to 53.
"""

import asyncio
import contextlib
import re
import ssl
from collections import defaultdict
from typing import Any

from aiosmtpd.smtp import SMTP, Session

from posthouse.inbound.listener import replies
from posthouse.inbound.listener.limits import Doorkeeper, Limits
from posthouse.inbound.listener.message import IncomingMessage

_COMMAND_BYTES = 2_048  # RFC 5321 4.5.3.1.4 says 512; SMTPUTF8 and long return paths need more
_ALL = 1 << 30  # bytes: what the reader has, at once; what a peer may send unread is capped elsewhere
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN_PATH = re.compile(rf"<((?:{_ATOM}(?:\.{_ATOM})*@{_ATOM}(?:\.{_ATOM})*)?)>((?: [A-Za-z0-9=-]+)*)")
_MAIL_COMMANDS = ("MAIL", "RCPT", "DATA")


class GuardedSMTP(SMTP):
    """One connection."""

    def __init__(
        self,
        hooks: Any,
        *,
        hostname: str,
        limits: Limits,
        doorkeeper: Doorkeeper,
        loop: asyncio.AbstractEventLoop,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.line_length_limit = limits.line_bytes
        super().__init__(
            hooks,
            data_size_limit=limits.message_bytes,
            enable_SMTPUTF8=True,
            hostname=hostname,
            ident="ESMTP",
            tls_context=tls,
            timeout=limits.idle_seconds,
            auth_exclude_mechanism=["LOGIN", "PLAIN"],
            loop=loop,
        )
        # The library keeps these on the class and lets every EHLO of every connection widen them.
        self.command_size_limits = defaultdict(lambda: _COMMAND_BYTES)
        self.command_size_limit = _COMMAND_BYTES
        self._limits = limits
        self._doorkeeper = doorkeeper
        self._peer = ""
        self._unread = 0
        self._held = 0  # bytes of the message that is coming in
        self._commands = 0
        self._bad_commands = 0
        self._refused = 0
        self._session_end: asyncio.TimerHandle | None = None
        self._smtp_methods = {name: self._counted(name, method) for name, method in self._smtp_methods.items() if name not in ("HELP",)}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the peer in, or turn it away."""
        if self._original_transport is None:
            peer = transport.get_extra_info("peername") or ("", 0)
            self._peer = str(peer[0])
            if not self._doorkeeper.enter(self._peer):
                self._peer = ""
                transport.write((replies.TOO_MANY_CONNECTIONS + "\r\n").encode())  # type: ignore[attr-defined]
                transport.close()
                self._turned_away = True
                return
            self._session_end = self.loop.call_later(self._limits.session_seconds, self.part, replies.TOO_LONG_SESSION)
        super().connection_made(transport)

    _turned_away = False

    def connection_lost(self, error: Exception | None) -> None:
        """Count the peer out."""
        if self._turned_away:
            return
        if self._peer:
            self._doorkeeper.leave(self._peer)
            self._peer = ""
        if self._session_end is not None:
            self._session_end.cancel()
        super().connection_lost(error)

    def eof_received(self) -> bool | None:
        """The peer says no more."""
        return None if self._turned_away else super().eof_received()

    def data_received(self, data: bytes) -> None:
        """Take bytes in, up to a cap on what no command and no message has used up."""
        if self._turned_away:
            return
        self._unread += len(data)
        if self._unread > self._limits.message_bytes + self._limits.unread_bytes:
            self.part(replies.TOO_MUCH)
            return
        super().data_received(data)

    def part(self, reply: str) -> None:
        """Say a last word and close."""
        if self.transport is None or self.transport.is_closing():
            return
        with contextlib.suppress(RuntimeError, ConnectionError):
            self.transport.write((reply + "\r\n").encode())  # type: ignore[attr-defined]
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()
        self.transport.close()

    def _timeout_cb(self) -> None:
        self.part(replies.IDLE)

    def _create_session(self) -> Session:
        self._unread = 0
        return super()._create_session()

    def _cb_client_connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super()._cb_client_connected(reader, writer)
        # RFC 5321 2.3.8: a line ends with CRLF and nothing else, in commands too.
        until = reader.readuntil
        reader.readuntil = lambda separator=b"\r\n": until(separator)  # type: ignore[method-assign]

    def _counted(self, name: str, method: Any) -> Any:
        async def run(arg: str | None) -> None:
            self._commands += 1
            if self._commands > self._limits.commands or (name not in _MAIL_COMMANDS and self._commands > self._limits.commands // 4):
                await self._leave(replies.TOO_MANY_COMMANDS)
                return
            if name != "DATA":
                self._unread = 0
            await method(arg)

        return run

    async def _leave(self, reply: str) -> None:
        await self.push(reply)
        if self.transport is not None:
            self.transport.close()
        raise asyncio.CancelledError

    async def push(self, status: str | bytes) -> None:
        """Send a reply with its enhanced code; leave when the peer makes too many mistakes."""
        text = status.decode("ascii", "replace") if isinstance(status, bytes) else status
        await super().push(replies.with_code(text) if self.session is not None and self.session.host_name else text)
        if text[:3] in ("500", "501", "502", "503"):
            self._bad_commands += 1
            if self._bad_commands > self._limits.bad_commands:
                self._bad_commands = -1_000_000
                await self._leave(replies.TOO_MANY_COMMANDS)
        elif text[:3] == "550":
            self._refused += 1
            if self._refused > self._limits.refused_recipients:
                self._refused = -1_000_000
                await self._leave(replies.GUESSING)

    async def smtp_EHLO(self, hostname: str | None) -> None:  # noqa: N802
        """Greet, and offer only what is handled (RFC 5321 4.1.1.1)."""
        if not hostname:
            await self.push("501 5.5.4 EHLO needs a host name")
            return
        self._set_rset_state()  # type: ignore[no-untyped-call]
        assert self.session is not None
        self.session.extended_smtp = True
        offers = [self.hostname, *self._offers()]
        lines = [f"250-{offer}" for offer in offers[:-1]] + [f"250 {offers[-1]}"]
        await super().push("\r\n".join(lines))
        self.session.host_name = hostname[:255]

    def way(self) -> str:
        """How mail comes in here, as RFC 3848 names it, in small letters."""
        assert self.session is not None
        return ("esmtp" if self.session.extended_smtp else "smtp") + ("s" if self.session.ssl else "")

    def _offers(self) -> list[str]:
        offers = [f"SIZE {self._limits.message_bytes}", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"]
        return [*offers, "STARTTLS"] if self.tls_context and not self._tls_protocol else offers

    async def smtp_HELO(self, hostname: str | None) -> None:  # noqa: N802
        """Greet a plain peer."""
        if not hostname:
            await self.push("501 5.5.4 HELO needs a host name")
            return
        self._set_rset_state()  # type: ignore[no-untyped-call]
        assert self.session is not None
        self.session.extended_smtp = False
        await super().push(f"250 {self.hostname}")
        self.session.host_name = hostname[:255]

    async def smtp_STARTTLS(self, arg: str | None) -> None:  # noqa: N802
        """Begin TLS, once (RFC 3207 4.2)."""
        if self._tls_protocol:
            await self.push(replies.TLS_ALREADY)
            return
        await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        """Not offered on this port."""
        await self.push(replies.NOT_DONE)

    async def smtp_VRFY(self, arg: str) -> None:  # noqa: N802
        """Not offered: it would tell which addresses exist."""
        await self.push(replies.NOT_DONE)

    async def smtp_EXPN(self, arg: str) -> None:  # noqa: N802
        """Not offered."""
        await self.push(replies.NOT_DONE)

    async def smtp_BDAT(self, arg: str) -> None:  # noqa: N802
        """Not offered (RFC 3030)."""
        await self.push(replies.NOT_DONE)

    async def smtp_PROXY(self, arg: str) -> None:  # noqa: N802
        """Not offered."""
        await self.push(replies.NOT_DONE)

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        """Read a message up to CRLF.CRLF, in bounded memory whatever the peer does, and hand it on."""
        if await self.check_helo_needed():
            return
        assert self.envelope is not None
        if not self.envelope.rcpt_tos:
            # A client that pipelines sends DATA before it knows that its recipients were refused (RFC 2920 3.1): no mistake of its.
            await self.push("503 5.5.1 RCPT first" if self.envelope.mail_from is None else replies.NO_RECIPIENTS)
            return
        if arg:
            await self.push("501 5.5.4 DATA takes no argument")
            return
        recipients = list(self.envelope.rcpt_tos)
        try:
            reply = await self._take_message()
        finally:
            self._doorkeeper.release(self._held)
            self._held = 0
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        self._reset_timeout()
        await self._answer_message(reply, recipients)

    async def _take_message(self) -> str:
        assert self.envelope is not None
        self._unread = 0
        await self.push("354 Go on; end with <CRLF>.<CRLF>")
        content, refusal = await self._read_message()
        self._unread = 0
        if refusal is not None:
            return refusal
        self.envelope.content = self.envelope.original_content = content
        self._reset_timeout()
        return str(await self._call_handler_hook("DATA"))

    async def _answer_message(self, reply: str, _recipients: list[str]) -> None:
        await self.push(reply)

    async def _read_message(self) -> tuple[bytes, str | None]:
        message = IncomingMessage(message_bytes=self._limits.message_bytes, line_bytes=self._limits.line_bytes)
        while not message.complete:
            piece = await self._reader.read(_ALL)
            if not piece:
                raise asyncio.IncompleteReadError(b"", None)
            if message.refusal is None:
                self._hold(len(piece), message)
            rest = message.feed(piece)
            if rest and not self._reader.at_eof():
                self._reader.feed_data(rest)
        return message.content, message.refusal

    def _hold(self, size_bytes: int, message: IncomingMessage) -> None:
        if self._doorkeeper.hold(size_bytes):
            self._held += size_bytes
        else:
            message.refuse(replies.BUSY)

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Read the plain form at once; the library's parser takes a third of a dialogue's time, and takes every other form."""
        plain = _PLAIN_PATH.fullmatch(arg)
        if plain is None:
            return super()._getaddr(arg)
        return plain[1] or "<>", plain[2]
