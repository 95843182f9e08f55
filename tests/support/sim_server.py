"""An SMTP server and the wire to it as a simulation: no socket, no time, every answer and every cut drawn from a seed."""

from __future__ import annotations

import random
import types
from collections import Counter, deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from posthouse.sending.delivery.channel import Gone, Lost, Pace
from posthouse.sending.delivery.wire import Offers, Reply

OK, GO_ON = Reply(250, "2.0.0", "ok"), Reply(354, None, "go on")
NOT_NOW, NEVER = Reply(451, "4.3.0", "later"), Reply(550, "5.1.1", "no such user")
OUT_OF_ORDER, CLOSING = Reply(503, "5.5.1", "bad sequence of commands"), Reply(421, "4.3.2", "closing")
#: What a moody server says instead of the usual answer, or does without a word.
MOODS = (NOT_NOW, NEVER, CLOSING, Lost.DROPPED, Lost.SILENT)


class Dice(random.Random):
    """Draws from a seed; with one float a throw, since a million schedules throw a billion times."""

    def below(self, count: int) -> int:
        """Return a number from 0 to `count` - 1."""
        return int(self.random() * count)

    def choice(self, among: Sequence[Any]) -> Any:
        """Return one of them."""
        return among[int(self.random() * len(among))]

    def randint(self, least: int, most: int) -> int:
        """Return a number from `least` to `most`."""
        return least + int(self.random() * (most - least + 1))


@dataclass
class Server:
    """All mailboxes behind one name. `mood` is the share of commands that get no usual answer; calm at 0."""

    chance: Dice
    mood: float
    copies: Counter[str] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)  # what no server should ever get from us
    lost_answers: int = 0

    def drawn(self) -> Reply | Lost | None:
        """Return what happens instead of the usual answer, None for the usual one."""
        return self.chance.choice(MOODS) if self.chance.random() < self.mood else None


class Session:
    """One connection at the server: RFC 5321's states, strictly. It reads what arrives and answers in order."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = b""
        self._sender: bytes | None = None
        self._recipients: list[bytes] = []
        self._in_data = False
        self.answers: deque[Reply | Lost] = deque()
        self.over = False

    def receive(self, data: bytes) -> None:
        """Take bytes from the wire; bytes after the end go nowhere."""
        self._buffer += data
        while not self.over:
            end = self._buffer.find(b"\r\n.\r\n" if self._in_data and not self._buffer.startswith(b".\r\n") else b"\r\n")
            if end < 0:
                return
            if self._in_data:
                size = 3 if self._buffer.startswith(b".\r\n") else end + 5
                body, self._buffer = self._buffer[: size - 3], self._buffer[size:]
                self._end_of_data(body)
            else:
                line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
                self._command(line)

    def _command(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"RSET":
            self._sender, self._recipients = None, []
            self._say(OK)
        elif verb == b"MAIL":
            self._mail(line)
        elif verb == b"RCPT":
            self._rcpt(line)
        elif verb == b"DATA":
            self._data()
        else:
            self._server.strange.append(f"not a command: {line[:40]!r}")
            self._say(Reply(500, "5.5.2", "what?"))

    def _mail(self, line: bytes) -> None:
        if self._sender is not None:
            self._server.strange.append("MAIL within a transaction")
            self._say(OUT_OF_ORDER)
        elif self._say(self._server.drawn() or OK) == OK:
            self._sender = line

    def _rcpt(self, line: bytes) -> None:
        if self._sender is None:
            self._say(OUT_OF_ORDER)
        elif self._say(self._server.drawn() or OK) == OK:
            self._recipients.append(line)

    def _data(self) -> None:
        if not self._recipients:
            self._say(OUT_OF_ORDER)
        elif self._say(self._server.drawn() or GO_ON) == GO_ON:
            self._in_data = True

    def _end_of_data(self, body: bytes) -> None:
        self._in_data = False
        recipients, self._recipients, self._sender = self._recipients, [], None
        drawn = self._server.drawn()
        if isinstance(drawn, Reply):
            self._say(drawn)
            return
        if isinstance(drawn, Lost) and self._server.chance.random() < 0.5:
            self._say(drawn)
            return
        # A server may keep the letter and lose its answer (RFC 1047).
        for recipient in recipients:
            name = recipient.partition(b"<")[2].partition(b">")[0].decode()
            if body != body_for(name):
                self._server.strange.append(f"{name} got {body[:40]!r}")
            self._server.copies[name] += 1
        self._server.lost_answers += isinstance(drawn, Lost)
        self._say(drawn or OK)

    def _say(self, answer: Reply | Lost) -> Reply | Lost:
        self.answers.append(answer)
        if isinstance(answer, Lost) or answer is CLOSING:
            self.over = True
        return answer


def body_for(recipient: str) -> bytes:
    """Return the one body that a recipient may get."""
    return f"To: {recipient}\r\n\r\nhello {recipient}\r\n".encode()


@types.coroutine
def _turn() -> Generator[None, None, None]:
    """Give the turn to whomever the schedule draws next."""
    yield


class Wire:
    """Stands where a `Channel` stands. What is written lies in the kernel's hands until somebody waits, or the writer dies."""

    def __init__(self, server: Server, pace: Pace) -> None:
        self.offers = Offers(pipelining=True, size=True)
        self.pace = pace
        self.begun = 0
        self.unfinished = False
        self._session = Session(server)
        self._chance = server.chance
        self._unsent = b""
        self._due = 0
        self._gone: Gone | None = None

    @property
    def alive(self) -> bool:
        """Whether another message may be tried on it."""
        return self._gone is None

    def write(self, data: bytes, more: bytes = b"", *, replies: int) -> None:
        """Hand bytes to the kernel. Raises: Gone."""
        if self._gone is not None:
            raise self._gone
        self._due += replies
        self._unsent += data + more

    def take_consent(self) -> bool:
        """Take three answers that say yes, where they have come already: half of the time."""
        answers = self._session.answers
        here = [answers[place] for place in range(min(3, len(answers)))] if self._chance.random() < 0.5 else []
        if [one.digit for one in here if isinstance(one, Reply)] != [2, 2, 3]:
            return False
        for _ in here:
            answers.popleft()
        self._due -= 3
        return True

    async def reply(self, timeout_seconds: float = 0.0) -> Reply:
        """Return the next reply, after others had their turn. Raises: Gone."""
        await _turn()
        if self._gone is not None:
            raise self._gone
        self._flush(len(self._unsent))
        answer = self._session.answers.popleft() if self._session.answers else Lost.DROPPED
        if isinstance(answer, Lost):
            self._gone = Gone(answer, answer.value)
            raise self._gone
        self._due -= 1
        return answer

    def drop(self) -> None:
        """Cut the connection; what the kernel has may still arrive."""
        self._flush(self._chance.randint(0, len(self._unsent)))
        self._gone = self._gone or Gone(Lost.CLOSED, "dropped by us")

    def _flush(self, size: int) -> None:
        self._session.receive(self._unsent[:size])
        self._unsent = self._unsent[size:]
