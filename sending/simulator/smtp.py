"""The SMTP side: a small fast server protocol (RFC 5321 with PIPELINING, 8BITMIME, SIZE, SMTPUTF8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from posthouse.sending.simulator import envelope
from posthouse.sending.simulator.cards import Plan, Reply, Stage
from posthouse.sending.simulator.wire import Wire

MAX_RECIPIENTS = 100

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


class SmtpSession(Wire):
    """One connection from a sender."""

    def __init__(self, mailboxes: Mailboxes, host: str, sessions: set[Wire]) -> None:
        super().__init__(host, sessions)
        self._mailboxes = mailboxes
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

    def _say_or_end(self, reply: Reply) -> None:
        """421 means that the server closes (RFC 5321 section 3.8)."""
        if reply.code == 421:
            self._end(reply.wire())
        else:
            self._say(reply.wire())
