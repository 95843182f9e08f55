"""A visit by IMAP (RFC 3501, 4315, 6851) on the standard library's client, with our deadline, budget and limits below it."""

from __future__ import annotations

import contextlib
import imaplib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from posthouse.inbound.boxes.cards import BoxTrouble, Listed, Place
from posthouse.inbound.boxes.folders import encode
from posthouse.inbound.boxes.oauth import Tokens, ask, first_words
from posthouse.inbound.boxes.wire import Wire

LINE_LIMIT = 1_000_000
ANSWER_LIMIT = 8_000_000  # bytes of an answer without its literal: numbers of some 500,000 mails
_AT_ONCE = 200
_SIZE = re.compile(rb"UID (\d{1,10})\b")
_BYTES = re.compile(rb"RFC822\.SIZE (\d{1,12})\b")


class _Client(imaplib.IMAP4):
    """The library's protocol on our wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        super().__init__("")

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        del host, port, timeout

    def read(self, size: int) -> bytes:
        return self._wire.exactly(size)

    def readline(self) -> bytes:
        return self._wire.line(LINE_LIMIT)

    def send(self, data: Any) -> None:
        self._wire.send(bytes(data))

    def shutdown(self) -> None:
        self._wire.close()

    def encrypt(self) -> str:
        """STARTTLS, and ask for the capabilities anew (RFC 3501 6.2.1)."""
        answer, data = self._simple_command("STARTTLS")
        if answer != "OK":
            raise self.error(data[-1])
        version = self._wire.encrypt()
        self._get_capabilities()
        return version

    def login(self, user: str, password: str) -> Any:
        # The library quotes the password but not the user name.
        answer, data = self._simple_command("LOGIN", _quoted(user), _quoted(password))
        if answer != "OK":
            raise self.error(data[-1])
        self.state = "AUTH"
        return answer, data


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _folder(name: str) -> str:
    return _quoted(encode(name))


class ImapVisit:
    """One session."""

    def __init__(self, place: Place, wire: Wire) -> None:
        self._place, self._wire = place, wire
        self.new_secret = ""
        self._client: _Client | None = None
        self._validity = 0

    def sign_in(self) -> Iterator[tuple[str, str]]:
        """Greet, encrypt, sign in; gives each step with what the server said."""
        place = self._place
        if place.tls == "tls":
            yield "Encryption", self._wire.encrypt()
        client = self._client = _guarded("Greeting", "This is no IMAP server: look at host and port.", lambda: _Client(self._wire))
        client._encoding = "utf-8"
        yield "Greeting", _text(client.welcome)
        if place.tls == "starttls":
            if "STARTTLS" not in client.capabilities:
                raise BoxTrouble("STARTTLS", "Not offered.", "Choose TLS from the start (usually port 993).")
            yield "Encryption", _guarded("STARTTLS", "Choose TLS from the start (usually port 993).", client.encrypt)
        if place.signs_in == "xoauth2":
            tokens = ask(place)
            self.new_secret = tokens.refresh
            yield "Token", "given"
            yield "Sign-in", self._sign_in_by_token(client, tokens)
            return
        advice = "User name or password is wrong, or the account may not be read by IMAP. Some providers want a password made for programs."
        said = _guarded("Sign-in", advice, lambda: client.login(place.username, place.password))
        yield "Sign-in", _text(said[1][-1])

    def _sign_in_by_token(self, client: _Client, tokens: Tokens) -> str:
        # A refusal comes as a challenge that is answered with nothing (Google's page on XOAUTH2), and then as NO.
        words = [first_words(self._place.username, tokens.access).encode()]
        advice = (
            "The user name isn't the token's, or the token may not read mail by IMAP (its scope), or IMAP is turned off for the account."
        )
        said = _guarded("Sign-in", advice, lambda: client.authenticate("XOAUTH2", lambda _challenge: words.pop() if words else b""))
        return _text(said[1][-1])

    def open(self, folder: str) -> str:
        typ, data = self._do("Folder", f"There is no folder “{folder}”, or it can't be opened.", lambda c: c.select(_folder(folder)))
        _, validity = self._do("Folder", "", lambda c: c.response("UIDVALIDITY"))
        first = validity[-1] if validity else None
        if typ != "OK" or not first or not first.isdigit():
            raise BoxTrouble("Folder", "The server gives mails no lasting numbers (UIDVALIDITY).", "Use POP3, or another folder.")
        self._validity = int(first)
        return f"{_text(data[0])} mails in “{folder}”"

    def has_folder(self, folder: str) -> bool:
        """Is there such a folder to move mails to?"""
        typ, found = _guarded("Move", "", lambda: self._signed_in().list('""', _folder(folder)))
        return typ == "OK" and any(found)

    def validity(self) -> int:
        return self._validity

    def waiting(self, above: int, limit: int) -> list[Listed]:
        data = self._uid("Folder", "The server doesn't list the mails.", "SEARCH", "UID", f"{above + 1}:*")
        # "n:*" gives the last one even where its number is below n (RFC 3501 6.4.8).
        found = {int(word) for part in data for word in (part or b"").split() if word.isdigit()}
        names = sorted(one for one in found if one > above)[:limit]
        sizes: dict[int, int] = {}
        for start in range(0, len(names), _AT_ONCE):
            data = self._uid(
                "Folder",
                "The server doesn't say how large the mails are.",
                "FETCH",
                _set(names[start : start + _AT_ONCE]),
                "(UID RFC822.SIZE)",
            )
            sizes |= _sizes(data)
        # What the server doesn't know any more was taken away meanwhile.
        return [Listed(f"{self._validity}:{name}", name, sizes[name]) for name in names if name in sizes]

    def fetch(self, mail: Listed, limit: int) -> bytes:
        part = f"(UID BODY.PEEK[]<0.{limit}>)" if mail.size_bytes > limit else "(UID BODY.PEEK[])"
        data = self._uid(
            "Fetch", "The server doesn't give a mail that it listed.", "FETCH", str(mail.name), part, budget=limit + ANSWER_LIMIT
        )
        for one in data:
            if isinstance(one, tuple) and (uid := _SIZE.search(one[0])) and int(uid.group(1)) == mail.name:
                return bytes(one[1])
        wanted = [one for one in data if isinstance(one, tuple)]
        if len(wanted) == 1:
            return bytes(wanted[0][1])  # the UID stands behind the literal
        raise BoxTrouble("Fetch", f"The server gave nothing for mail {mail.name}.", "It is tried again later.")

    def settle(self, mails: Sequence[Listed], afterwards: str, move_to: str) -> None:
        for start in range(0, len(mails), _AT_ONCE):
            names = _set([mail.name for mail in mails[start : start + _AT_ONCE]])
            if afterwards == "move":
                self._move(names, move_to)
            elif afterwards == "delete":
                self._delete(names)
            elif afterwards == "mark":
                self._uid("Mark", "The server doesn't let mails be marked.", "STORE", names, "+FLAGS.SILENT", r"(\Seen)")

    def close(self) -> None:
        if self._client is not None:
            with contextlib.suppress(BoxTrouble, imaplib.IMAP4.error, OSError):
                self._client.logout()
        self._wire.close()

    def _move(self, names: str, goal: str) -> None:
        advice = f"The server doesn't move mails to “{goal}”: make that folder, or choose another."
        if "MOVE" in self._capabilities():
            self._uid("Move", advice, "MOVE", names, _folder(goal))
            return
        self._uid("Move", advice, "COPY", names, _folder(goal))
        self._delete(names)

    def _delete(self, names: str) -> None:
        advice = "The server doesn't let mails be deleted; choose to mark them."
        self._uid("Delete", advice, "STORE", names, "+FLAGS.SILENT", r"(\Deleted)")
        if "UIDPLUS" in self._capabilities():
            self._uid("Delete", advice, "EXPUNGE", names)
        else:
            self._do("Delete", advice, lambda client: client.expunge())

    def _capabilities(self) -> tuple[str, ...]:
        return self._client.capabilities if self._client is not None else ()

    def _signed_in(self) -> _Client:
        if self._client is None:
            raise BoxTrouble("Sign-in", "Not signed in.", "")
        return self._client

    def _uid(self, step: str, advice: str, *words: str, budget: int = ANSWER_LIMIT) -> list[Any]:
        _, data = self._do(step, advice, lambda client: client.uid(*words), budget)
        return list(data)

    def _do(self, step: str, advice: str, act: Callable[[_Client], tuple[str, Any]], budget: int = ANSWER_LIMIT) -> tuple[str, Any]:
        client = self._signed_in()
        self._wire.allow(budget)
        typ, data = _guarded(step, advice, lambda: act(client))
        if typ not in ("OK", "UIDVALIDITY"):
            raise BoxTrouble(step, _text(data[-1] if data else b""), advice)
        return typ, data


def _guarded(step: str, advice: str, act: Callable[[], Any]) -> Any:
    try:
        return act()
    except BoxTrouble:
        raise
    except imaplib.IMAP4.error as problem:
        raise BoxTrouble(step, _text(problem.args[0] if problem.args else ""), advice) from problem
    except (OSError, ValueError, AttributeError, TypeError, IndexError, KeyError) as problem:
        # The library trips over answers that no server should give.
        raise BoxTrouble(step, f"The server's answer can't be read ({problem}).", advice) from problem


def _sizes(data: list[Any]) -> dict[int, int]:
    found = {}
    for one in data:
        line = one[0] if isinstance(one, tuple) else one or b""
        uid, size = _SIZE.search(line), _BYTES.search(line)
        if uid and size:
            found[int(uid.group(1))] = int(size.group(1))
    return found


def _set(names: Sequence[int]) -> str:
    return ",".join(map(str, names))


def _text(value: object) -> str:
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")).strip()[:300]
