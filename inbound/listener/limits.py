"""How much one peer may take of us."""

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of the service; each refusal is a 4yz or 5yz reply with words, never silence."""

    message_bytes: int = 16 * 1024 * 1024  # announced by SIZE
    line_bytes: int = 64 * 1024  # RFC 5321 says 1,000; real bounces have lines of 5,000
    unread_bytes: int = 8 * 1024 * 1024  # what a connection may send beyond a whole message before it is cut
    recipients: int = 100  # RFC 5321 4.5.3.1.8: at least 100
    refused_recipients: int = 20  # then 421: somebody guesses
    commands: int = 1_000  # a connection; then 421
    bad_commands: int = 10
    connections: int = 500  # in all
    connections_of_peer: int = 50
    idle_seconds: float = 120.0
    session_seconds: float = 900.0
    held_bytes: int = 256 * 1024 * 1024  # of all messages that are coming in at the same time; then 451
    storing: int = 200  # mails that wait for the disk at the same time; then 451


class Doorkeeper:
    """Counts connections, in all and of each peer; one event loop uses it, so it needs no lock."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._of_peer: Counter[str] = Counter()
        self._all = 0
        self._held = 0

    def enter(self, peer: str) -> bool:
        """Count a connection in; False when there are too many, and then it is not counted."""
        if self._all >= self._limits.connections or self._of_peer[peer] >= self._limits.connections_of_peer:
            return False
        self._all += 1
        self._of_peer[peer] += 1
        return True

    def leave(self, peer: str) -> None:
        """Count a connection out."""
        self._all -= 1
        self._of_peer[peer] -= 1
        if self._of_peer[peer] <= 0:
            del self._of_peer[peer]

    def hold(self, size_bytes: int) -> bool:
        """Count bytes of a message that is coming in; False when there is no room, and then they are not counted."""
        if self._held + size_bytes > self._limits.held_bytes:
            return False
        self._held += size_bytes
        return True

    def release(self, size_bytes: int) -> None:
        """Give bytes back when their message is kept or gone."""
        self._held -= size_bytes

    @property
    def held(self) -> int:
        """Bytes of messages that are coming in."""
        return self._held

    @property
    def inside(self) -> int:
        """Connections at present."""
        return self._all
