"""A visit by POP3 (RFC 1939), written out here: the standard library's client refuses lines of more than 2 KB and has no deadline."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator, Sequence

from posthouse.inbound.boxes.cards import BoxTrouble, Listed, Place
from posthouse.inbound.boxes.oauth import ask, first_words
from posthouse.inbound.boxes.wire import Wire

LINE_LIMIT = 1_000_000
ANSWER_LIMIT = 20_000_000  # bytes: names of 200,000 mails
_LISTING_LIMIT = 200_000


class Pop3Visit:
    """One session; deletions happen when it ends well (RFC 1939 6), so `settle` ends it."""

    def __init__(self, place: Place, wire: Wire) -> None:
        self._place, self._wire = place, wire
        self._over = False
        self.new_secret = ""

    def sign_in(self) -> Iterator[tuple[str, str]]:
        """Greet, encrypt, sign in; gives each step with what the server said."""
        if self._place.tls == "tls":
            yield "Encryption", self._wire.encrypt()
        yield "Greeting", self._answer("Greeting", "This is no POP3 server: look at host and port.")
        if self._place.tls == "starttls":
            self._ask("STLS", "STARTTLS", "The server doesn't offer STARTTLS. Choose TLS from the start (usually port 995).")
            yield "Encryption", self._wire.encrypt()
        if self._place.signs_in == "xoauth2":
            tokens = ask(self._place)
            self.new_secret = tokens.refresh
            yield "Token", "given"
            yield "Sign-in", self._sign_in_by_token(tokens.access)
            return
        advice = "User name or password is wrong, or the account may not be read by POP3. Some providers want a password made for programs."
        self._ask(f"USER {self._place.username}", "Sign-in", advice)
        yield "Sign-in", self._ask(f"PASS {self._place.password}", "Sign-in", advice)

    def _sign_in_by_token(self, access: str) -> str:
        # RFC 5034 4: the words follow the server's "+"; a refusal is another "+", answered with nothing.
        advice = (
            "The user name isn't the token's, or the token may not read mail by POP3 (its scope), or POP3 is turned off for the account."
        )
        words = base64.b64encode(first_words(self._place.username, access).encode()).decode("ascii")
        self._wire.allow(ANSWER_LIMIT)
        for line in ("AUTH XOAUTH2", words, ""):
            self._wire.send(line.encode("ascii") + b"\r\n")
            said = self._wire.line(LINE_LIMIT).strip().decode("utf-8", "replace")
            if said.startswith("+OK") and line == words:
                return said.partition(" ")[2]
            if said[:2] not in ("+", "+ "):
                break
        raise BoxTrouble("Sign-in", said[:200] or "nothing", advice)

    def open(self, folder: str) -> str:
        del folder  # POP3 knows the inbox only
        said = self._ask("STAT", "Mailbox", "The mailbox can't be opened.").split()
        count = int(said[0]) if said and said[0].isdigit() else 0
        self._ask("UIDL", "Mailbox", "The server gives mails no lasting names (UIDL), so that none could be taken exactly once. Use IMAP.")
        for _ in self._lines():
            pass
        return f"{count:,} mails wait"

    def validity(self) -> int:
        return 0

    def waiting(self, above: int, limit: int) -> list[Listed]:
        # The server counts from 1 in each session, so `above` means nothing here; the caller knows the taken ones by key.
        del above
        sizes = dict(self._pairs("LIST"))
        listed = [Listed(key[:200], name, _size(sizes.get(name, "0"))) for name, key in self._pairs("UIDL")]
        return listed[:limit]

    def fetch(self, mail: Listed, limit: int) -> bytes:
        # TOP gives the head and so many lines: of a huge mail its beginning is enough to know what it was.
        huge = mail.size_bytes > limit
        command = f"TOP {mail.name} {limit // 200}" if huge else f"RETR {mail.name}"
        self._ask(command, "Fetch", "The server doesn't give a mail that it listed.", budget=4 * limit + ANSWER_LIMIT)
        out, size = [], 0
        for line in self._lines():
            size += len(line)
            if size > limit and not huge:
                raise BoxTrouble(
                    "Fetch", f"A mail is larger than the {mail.size_bytes:,} bytes that the server said.", "It is tried again later."
                )
            if size <= limit:
                out.append(line)
        return b"".join(out)

    def settle(self, mails: Sequence[Listed], afterwards: str, move_to: str) -> None:
        del move_to
        if afterwards == "delete":
            for mail in mails:
                self._ask(f"DELE {mail.name}", "Delete", "The server doesn't let mails be deleted; choose to leave them there.")
        self._ask("QUIT", "Delete", "The server didn't finish the deletions. They are asked for again next time.")
        self._over = True

    def close(self) -> None:
        if not self._over:
            with contextlib.suppress(BoxTrouble):
                self._ask("QUIT", "Leave", "")
        self._wire.close()

    def _pairs(self, command: str) -> Iterator[tuple[int, str]]:
        self._ask(command, "Mailbox", "The server doesn't list the mails.")
        for number, line in enumerate(self._lines()):
            name, _, value = line.strip().decode("ascii", "replace").partition(" ")
            if number > _LISTING_LIMIT:
                raise BoxTrouble("Mailbox", f"More than {_LISTING_LIMIT:,} mails wait.", "Empty it by hand first, or use IMAP.")
            if name.isdigit() and value:
                yield int(name), value

    def _ask(self, command: str, step: str, advice: str, budget: int = ANSWER_LIMIT) -> str:
        if any(sign in command for sign in "\r\n\0"):
            raise BoxTrouble(step, "User name or password holds a line end.", "Type them again.")
        self._wire.allow(budget)
        self._wire.send(command.encode("utf-8") + b"\r\n")
        return self._answer(step, advice)

    def _answer(self, step: str, advice: str) -> str:
        said = self._wire.line(LINE_LIMIT).strip().decode("utf-8", "replace")
        mark, _, words = said.partition(" ")
        if mark != "+OK":
            raise BoxTrouble(step, words or said[:200] or "nothing", advice)
        return words

    def _lines(self) -> Iterator[bytes]:
        while (line := self._wire.line(LINE_LIMIT)) not in (b".\r\n", b".\n"):
            yield line[1:] if line.startswith(b".") else line


def _size(text: str) -> int:
    return int(text) if text.isdigit() else 0
