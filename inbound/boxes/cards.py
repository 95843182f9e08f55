"""What a mailbox is made of, and what a visit to it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class BoxTrouble(Exception):
    """The mailbox cannot be emptied now: at which step, what was said, and what to do about it."""

    def __init__(self, step: str, words: str, advice: str) -> None:
        super().__init__(f"{step}: {words} {advice}".strip())
        self.step, self.words, self.advice = step, words[:300], advice


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mailbox is and how to get in. `tls` is tls, starttls or none. `folder` is for IMAP only.

    `signs_in` is password or xoauth2; then `password` is the refresh token, and `token_url` the service that takes it, among `token_hosts`.
    """

    protocol: str
    host: str
    port: int
    tls: str
    verify: bool
    username: str
    password: str
    folder: str = "INBOX"
    afterwards: str = "delete"
    move_to: str = ""
    signs_in: str = "password"
    token_url: str = ""
    client_id: str = ""
    client_secret: str = ""
    token_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """A mail that waits. `key` is unique in the box for ever: validity and UID, or UIDL. `name` is what this visit calls it."""

    key: str
    name: int
    size_bytes: int


class Visit(Protocol):
    """One visit to a mailbox; each call talks to the outside within the visit's deadline. Raises: BoxTrouble."""

    new_secret: str
    """A refresh token that replaces the kept one, or empty."""

    def open(self, folder: str) -> str:
        """Open the folder; returns what to tell a person about it."""

    def validity(self) -> int:
        """Which age of the folder's numbers this is; 0 where the protocol has none."""

    def waiting(self, above: int, limit: int) -> list[Listed]:
        """Return the oldest mails whose name is above that, at most `limit`."""

    def fetch(self, mail: Listed, limit: int) -> bytes:
        """Return a mail, or its beginning where it is larger than `limit` bytes. It stays unseen."""

    def settle(self, mails: Sequence[Listed], afterwards: str, move_to: str) -> None:
        """Delete, move or mark mails that are kept elsewhere by now; all of it has happened when this returns."""

    def close(self) -> None:
        """Leave politely; never raises."""
