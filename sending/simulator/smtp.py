"""The SMTP side: a small fast server protocol (RFC 5321 with PIPELINING, 8BITMIME, SIZE, SMTPUTF8)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from posthouse.sending.simulator import envelope
from posthouse.sending.simulator.cards import Plan, Reply, Stage

#: RFC 5321 section 4.5.3.1.4 asks for 512 with room for extensions; longer lines end the connection.
MAX_LINE_BYTES = 4096
MAX_RECIPIENTS = 100
#: Input waiting while a reply is being delayed.
MAX_WAITING_BYTES = 1_048_576
IDLE_SECONDS = 300.0

_OK = b"250 2.0.0 OK\r\n"


class Mailboxes(Protocol):
    """What the protocol asks of the house behind it."""

    def plan(self, recipient: str, client_ip: str) -> Plan:
        """Return what a recipient does."""

    def put_off(self, return_path: str, recipient: str, plan: Plan) -> bool:
        """Count an attempt and say whether it is still put off."""

    def refused(self, return_path: str, recipient: str, reply: Reply) -> None:
        """Learn that a reply other than 2xx was given for a recipient."""

    def accepted(self, return_path: str, recipients: tuple[str, ...], data: bytes) -> int:
        """Keep a letter and return its number; raises OSError when it cannot be kept."""


class SmtpSession(asyncio.Protocol):
    """One connection from a sender."""

    def __init__(self, mailboxes: Mailboxes, host: str, sessions: set[SmtpSession]) -> None:
        self._mailboxes, self._host, self._sessions = mailboxes, host, sessions
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
        self._verbs: dict[bytes, Callable[[bytes], None]] = {
            b"EHLO": self._ehlo, b"HELO": self._helo, b"MAIL": self._mail, b"RCPT": self._rcpt, b"DATA": self._data,
            b"RSET": self._rset, b"NOOP": self._noop, b"QUIT": self._quit, b"VRFY": self._vrfy,
        }  # fmt: skip
        self._reset()

    def _reset(self) -> None:
        self._sender: str | None = None
        self._utf8 = False
        self._recipients: list[tuple[str, Plan]] = []
        self._delay_seconds = 0.0

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

    def _command(self, line: bytes) -> None:
        verb = self._verbs.get(line[:4].upper())
        if verb is None or (len(line) > 4 and line[4:5] != b" "):
            self._say(b"500 5.5.1 Command not recognised\r\n")
            return
        verb(line[5:])

    # Commands.

    def _ehlo(self, name: bytes) -> None:
        self._reset()
        extensions = ("PIPELINING", f"SIZE {envelope.MAX_MESSAGE_BYTES}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
        lines = [f"{self._host} greets {name.decode('ascii', 'replace')[:200]}", *extensions]
        self._say(Reply(250, "", tuple(lines)).wire())

    def _helo(self, _name: bytes) -> None:
        self._reset()
        self._say(f"250 {self._host}\r\n".encode())

    def _noop(self, _rest: bytes) -> None:
        self._say(_OK)

    def _rset(self, _rest: bytes) -> None:
        self._reset()
        self._say(_OK)

    def _vrfy(self, _rest: bytes) -> None:
        self._say(b"252 2.1.5 Send some mail and see\r\n")

    def _quit(self, _rest: bytes) -> None:
        self._end(f"221 2.0.0 {self._host} closing connection\r\n".encode())

    def _mail(self, rest: bytes) -> None:
        if self._sender is not None:
            self._say(b"503 5.5.1 Sender already given\r\n")
            return
        read = envelope.read_mail(rest)
        if isinstance(read, Reply):
            self._say(read.wire())
            return
        self._sender, self._utf8 = read.address, read.utf8
        self._say(b"250 2.1.0 Sender OK\r\n")

    def _rcpt(self, rest: bytes) -> None:
        if self._sender is None:
            self._say(b"503 5.5.1 MAIL first\r\n")
            return
        if len(self._recipients) >= MAX_RECIPIENTS:
            self._say(b"452 4.5.3 Too many recipients\r\n")
            return
        recipient = envelope.read_rcpt(rest, utf8=self._utf8)
        if isinstance(recipient, Reply):
            self._say(recipient.wire())
            return
        self._ask_mailbox(self._sender, recipient)

    def _ask_mailbox(self, sender: str, recipient: str) -> None:
        plan = self._mailboxes.plan(recipient, self._client_ip)
        self._delay_seconds = max(self._delay_seconds, plan.latency_seconds)
        if plan.drops_connection:
            self._transport.abort()
            self._closing = True
            return
        reply = self._objection(sender, recipient, plan, Stage.RCPT)
        if reply:
            self._mailboxes.refused(sender, recipient, reply)
            self._say_or_end(reply)
            return
        self._recipients.append((recipient, plan))
        self._say(b"250 2.1.5 Recipient OK\r\n")

    def _data(self, rest: bytes) -> None:
        if rest:
            self._say(b"501 5.5.4 DATA takes no arguments\r\n")
        elif not self._recipients:
            self._say(b"503 5.5.1 No valid recipients\r\n")
        else:
            self._in_data, self._oversized = True, False
            self._say(b"354 End data with <CR><LF>.<CR><LF>\r\n")

    # The end of a letter.

    def _finish(self, body: bytes) -> None:
        sender, recipients, delay = self._sender or "", self._recipients, self._delay_seconds
        self._reset()
        objection = envelope.TOO_BIG if self._oversized else envelope.objection_to_body(body)
        if objection:
            self._settle(sender, recipients, objection)
        else:
            self._judge(sender, recipients, envelope.without_stuffing(body))
        if delay:
            self._pause(delay)

    def _judge(self, sender: str, recipients: list[tuple[str, Plan]], body: bytes) -> None:
        """Refuse only when every recipient does: SMTP has one reply for them all (RFC 5321 section 3.3)."""
        objections = [(recipient, plan, self._objection(sender, recipient, plan, Stage.DATA)) for recipient, plan in recipients]
        takers = [(recipient, plan) for recipient, plan, objection in objections if objection is None]
        if not takers and objections[0][2]:
            self._settle(sender, recipients, objections[0][2])
            return
        try:
            number = self._mailboxes.accepted(sender, tuple(recipient for recipient, _plan in takers), body)
        except OSError:
            self._settle(sender, recipients, Reply(452, "4.3.1", ("Insufficient system storage",)))
            return
        self._say(b"250 2.0.0 OK queued as %d\r\n" % number)

    def _objection(self, sender: str, recipient: str, plan: Plan, stage: Stage) -> Reply | None:
        if plan.refusal and plan.refusal_stage is stage:
            return plan.refusal
        if plan.deferral and plan.deferral_stage is stage and self._mailboxes.put_off(sender, recipient, plan):
            return plan.deferral
        return None

    def _settle(self, sender: str, recipients: list[tuple[str, Plan]], reply: Reply) -> None:
        for recipient, _plan in recipients:
            self._mailboxes.refused(sender, recipient, reply)
        self._say_or_end(reply)

    # Output.

    def _say(self, reply: bytes) -> None:
        self._out.append(reply)

    def _say_or_end(self, reply: Reply) -> None:
        """421 means that the server closes (RFC 5321 section 3.8)."""
        if reply.code == 421:
            self._end(reply.wire())
        else:
            self._say(reply.wire())

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
