"""Send reports and answers to the sender's mail exchanger: a minimal SMTP client (aiosmtplib belongs to real delivery)."""

from __future__ import annotations

import asyncio
import re

from posthouse.sending.simulator.cards import Outgoing

REPLY_SECONDS = 30.0


class MailRefusedError(Exception):
    """The exchanger did not take a mail; ``code`` is its reply, 0 when the connection failed."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code

    @property
    def may_pass_later(self) -> bool:
        """Say whether a later attempt can succeed."""
        return self.code < 500


class MailExchanger:
    """One host and port to which everything is sent, over a few connections at a time."""

    def __init__(self, host: str, port: int, *, helo: str, connections: int = 4) -> None:
        self._host, self._port, self._helo = host, port, helo
        self._gate = asyncio.Semaphore(connections)

    async def send(self, mail: Outgoing) -> None:
        """Send one mail.

        Raises:
            MailRefusedError: it was not accepted; harmless to repeat when ``may_pass_later``.
        """
        async with self._gate:
            try:
                async with asyncio.timeout(REPLY_SECONDS):
                    await self._send(mail)
            except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as fault:
                raise MailRefusedError(0, str(fault) or type(fault).__name__) from fault

    async def _send(self, mail: Outgoing) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            await _expect(reader, 220)
            utf8 = not (mail.sender + mail.recipient).isascii()
            steps = [
                (f"EHLO {self._helo}", 250),
                (f"MAIL FROM:<{mail.sender}>{' SMTPUTF8' if utf8 else ''}", 250),
                (f"RCPT TO:<{mail.recipient}>", 250),
                ("DATA", 354),
            ]
            for command, code in steps:
                writer.write(command.encode("utf-8", "surrogateescape") + b"\r\n")
                await _expect(reader, code)
            writer.write(_stuffed(mail.data) + b".\r\n")
            await _expect(reader, 250)
            writer.write(b"QUIT\r\n")
        finally:
            writer.close()


async def _expect(reader: asyncio.StreamReader, code: int) -> None:
    text = ""
    while True:
        line = (await reader.readuntil(b"\n")).decode("utf-8", "replace")
        text += line[4:]
        if line[3:4] != "-":
            break
    if int(line[:3]) != code:
        raise MailRefusedError(int(line[:3]), text.strip())


def _stuffed(data: bytes) -> bytes:
    """Double leading dots and end with CRLF (RFC 5321 section 4.5.2)."""
    whole = data if data.endswith(b"\r\n") else data + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", whole)
