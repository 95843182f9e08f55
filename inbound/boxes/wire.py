"""A connection to a mail server that may hang, drip, flood or lie: one deadline and one budget of bytes for the whole visit."""

from __future__ import annotations

import contextlib
import socket
import ssl

from posthouse.inbound.boxes.cards import BoxTrouble, Place
from posthouse.platform import clock, trials
from posthouse.platform.trials import Finding

SILENCE_SECONDS = 30.0
CHUNK = 64 * 1024
ANSWER_BYTES = 1_000_000


class Wire:
    """Lines and bytes over one socket. `until` is a monotonic instant; `allow` says how many bytes the next answer may have."""

    def __init__(self, place: Place, *, until: float, silence: float = SILENCE_SECONDS) -> None:
        self._place, self._until, self._silence = place, until, silence
        self._budget = ANSWER_BYTES
        self._waiting = bytearray()
        self._sock = self._connect()

    def allow(self, budget: int) -> None:
        """Let the server send so many bytes from now on, and no more: what is read may be kept in memory until the answer is complete."""
        self._budget = budget

    def encrypt(self) -> str:
        """Speak TLS from here on; returns its version. What was received in clear before is dropped (RFC 8314, CVE-2011-0411)."""
        self._waiting.clear()
        made = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
        if not self._place.verify:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        try:
            self._sock.settimeout(self._patience())
            self._sock = made.wrap_socket(self._sock, server_hostname=self._place.host)
        except (ssl.SSLError, OSError) as problem:
            raise _of_encryption(problem, self._place) from problem
        return str(self._sock.version())

    def send(self, data: bytes) -> None:
        """Send all of it."""
        try:
            self._sock.settimeout(self._patience())
            self._sock.sendall(data)
        except OSError as problem:
            raise _of_break(problem) from problem

    def line(self, limit: int) -> bytes:
        """Read one line with its end, at most `limit` bytes."""
        searched = 0
        while (at := self._waiting.find(b"\n", searched)) < 0:
            if len(self._waiting) > limit:
                raise BoxTrouble("Dialogue", f"The server sent a line of more than {limit:,} bytes.", _GARBAGE)
            searched = len(self._waiting)
            self._fill()
        found = bytes(self._waiting[: at + 1])
        del self._waiting[: at + 1]
        return found

    def exactly(self, size: int) -> bytes:
        """Read so many bytes."""
        if size > self._budget + len(self._waiting):
            raise BoxTrouble("Dialogue", f"The server announced {size:,} bytes at once.", _GARBAGE)
        while len(self._waiting) < size:
            self._fill()
        found = bytes(self._waiting[:size])
        del self._waiting[:size]
        return found

    def close(self) -> None:
        """Hang up; never raises."""
        with contextlib.suppress(OSError):
            self._sock.close()

    def _connect(self) -> socket.socket:
        try:
            made = socket.create_connection((self._place.host, self._place.port), timeout=min(self._patience(), 10.0))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # commands are small, and each waits for its answer
        except (OSError, UnicodeError) as problem:
            raise _of_connection(problem, self._place) from problem
        return made

    def _fill(self) -> None:
        try:
            self._sock.settimeout(self._patience())
            found = self._sock.recv(CHUNK)
        except OSError as problem:
            raise _of_break(problem) from problem
        if not found:
            raise BoxTrouble(
                "Dialogue", "The server closed the connection.", "It is tried again later; look at the server's log if this goes on."
            )
        self._budget -= len(found)
        if self._budget < 0:
            raise BoxTrouble("Dialogue", "The server sent more than it was asked for.", _GARBAGE)
        self._waiting += found

    def _patience(self) -> float:
        left = self._until - clock.monotonic()
        if left <= 0:
            raise BoxTrouble(
                "Time", "The visit took too long.", "The server is very slow; what was taken until now is kept, the rest follows."
            )
        return min(left, self._silence)


_GARBAGE = "It doesn't behave like a mail server: look at host, port and encryption."


def _of_connection(problem: OSError | UnicodeError, place: Place) -> BoxTrouble:
    usual = "993 with TLS, 143 with STARTTLS" if place.protocol == "imap" else "995 with TLS, 110 with STARTTLS"
    return _trouble(trials.of_connection(problem, host=place.host, port=place.port, usual=usual))


def _trouble(found: Finding) -> BoxTrouble:
    return BoxTrouble(found.step, found.words, found.advice)


def _of_encryption(problem: OSError, place: Place) -> BoxTrouble:
    if isinstance(problem, ssl.SSLCertVerificationError):
        return _trouble(trials.of_certificate(problem, host=place.host))
    if isinstance(problem, TimeoutError):
        return BoxTrouble("Encryption", "No answer.", "With TLS from the start the port is usually 993 or 995, with STARTTLS 143 or 110.")
    words = str(getattr(problem, "reason", "") or problem)
    return BoxTrouble("Encryption", words, f"The server doesn't speak TLS on port {place.port} in this way: choose the other kind.")


def _of_break(problem: OSError) -> BoxTrouble:
    if isinstance(problem, TimeoutError):
        return BoxTrouble("Dialogue", "The server stopped answering.", "It is tried again later; look at the server's log if this goes on.")
    return BoxTrouble("Dialogue", str(problem), "The connection broke. It is tried again later.")
