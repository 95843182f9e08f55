"""A mail server that hands in its share of a flood as fast as the service takes it, and tries each letter again until it is answered for good."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from flood_letters import Mail, Writer

SENDERS = 8
OF_A_CONNECTION = 60  # one in seven is refused at RCPT, and more than 20 of those end a connection
PAUSE_SECONDS = 0.05


class Sender(threading.Thread):
    """One connection after another, with the next letter's commands behind the end of the last one (RFC 2920 3.1)."""

    def __init__(self, number: int, port: int, writer: Writer, count: int) -> None:
        super().__init__(name=f"sender {number}", daemon=True)
        self.replies: Counter[tuple[int, int]] = Counter()  # by the reply that was wanted and the one that came; 0: the line was cut
        self.done = 0
        self.stopped = False
        self._share = range(number, count, SENDERS)
        self._port, self._writer = port, writer
        self._line: _Line | None = None
        self._taken = 0

    def run(self) -> None:
        """See the class."""
        mails = self._mails()
        mail = next(mails, None)
        while mail is not None and not self.stopped:
            code, following = 0, next(mails, None)
            while code // 100 not in (2, 5) and not self.stopped:
                code = self._try(mail, following)
                self.replies[mail.wanted, code] += 1
                if code // 100 not in (2, 5):
                    self._hang_up()
                    time.sleep(PAUSE_SECONDS)
            mail = following
        self._hang_up()

    def _mails(self) -> Iterator[Mail]:
        for number in self._share:
            yield from self._writer.letter(number).mails
            self.done += 1

    def _try(self, mail: Mail, following: Mail | None) -> int:
        try:
            if self._line is None or self._taken >= OF_A_CONNECTION:
                self._hang_up()
                self._line, self._taken = _Line(self._port), 0
            self._taken += 1
            code = self._line.hand_in(mail, following if self._taken < OF_A_CONNECTION else None)
        except OSError:
            code = 0
        return code

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None


class _Line:
    """One connection. Raises: OSError when it is cut."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file: BinaryIO = self._socket.makefile("rb")
        self._asked: Mail | None = None  # whose commands are on their way
        self._open = False  # is a transaction open that came to nothing?
        try:
            self._greeted = self._greet()
        except OSError:
            self.close()
            raise

    def _greet(self) -> int:
        code = self._reply()
        if code != 220:
            return code
        self._socket.sendall(b"EHLO [127.0.0.1]\r\n")
        return self._reply()

    def hand_in(self, mail: Mail, following: Mail | None) -> int:
        """Return the reply that decided about this mail."""
        if self._greeted != 250:
            return self._greeted
        if self._asked is not mail:
            self._socket.sendall(self._commands(mail))
        codes = [self._reply() for _ in range(4 if self._open else 3)][-3:]
        self._open = codes[2] != 354
        if self._open:
            self._asked = None
            return next(code for code in codes if code not in (250, 354))
        end = mail.content.replace(b"\r\n.", b"\r\n..") + b".\r\n"
        self._asked = following
        self._socket.sendall(end + (self._commands(following) if following is not None else b""))
        return self._reply()

    def _commands(self, mail: Mail) -> bytes:
        reset = b"RSET\r\n" if self._open else b""
        return reset + b"MAIL FROM:<>\r\nRCPT TO:<%s>\r\nDATA\r\n" % mail.recipient.encode()

    def _reply(self) -> int:
        while True:
            line = self._file.readline()
            if len(line) < 4:
                raise ConnectionError("cut")
            if line[3:4] != b"-":
                return int(line[:3])

    def close(self) -> None:
        self._file.close()
        self._socket.close()
