"""What arrived and what was done back: an append-only file, and the counts that follow from it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from posthouse.platform import clock
from posthouse.sending.simulator.cards import Tally

#: No line is longer: addresses, ids and reasons are bounded by SMTP's and the parser's own limits.
MAX_LINE_BYTES = 1_048_576


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """One line of the file; which of the texts mean what depends on the verb."""

    verb: str
    at: float
    number: int
    message_id: str
    recipient: str
    sender_domain: str
    #: Return path, reply, DKIM reason or what was fetched.
    detail: str


@dataclass(frozen=True, slots=True)
class _Verb:
    """How a verb counts: under which name, and by what an equal one is known."""

    name: str
    distinct: bool


#: Reactions counted once per letter and recipient, however often they happen.
_VERBS = {
    "refused": _Verb("refused", distinct=True),
    "deferred": _Verb("deferred", distinct=False),
    "dkim_pass": _Verb("dkim_pass", distinct=False),
    "dkim_fail": _Verb("dkim_fail", distinct=False),
    "bounce": _Verb("bounces", distinct=True),
    "complaint": _Verb("complaints", distinct=True),
    "autoreply": _Verb("autoreplies", distinct=True),
    "prefetch": _Verb("prefetches", distinct=True),
    "scan": _Verb("scans", distinct=True),
    "open": _Verb("opens", distinct=True),
    "click": _Verb("clicks", distinct=True),
    "unsubscribe": _Verb("unsubscribes", distinct=True),
    "failed": _Verb("failures", distinct=False),
    "broken": _Verb("broken", distinct=False),
}


class Ledger:
    """The simulator's own truth, independent of the sender's; read again when the simulator starts on the same folder."""

    def __init__(self, path: Path) -> None:
        self.total = Tally()
        self.by_sender: dict[str, Tally] = {}
        self.last_number = 0
        self._seen: set[bytes] = set()
        self._encode = msgspec.json.Encoder().encode
        path.parent.mkdir(parents=True, exist_ok=True)
        for entry in read(path) if path.exists() else ():
            self._count(entry)
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        _drop_cut_line(self._file)

    def accept(self, number: int, message_id: str, recipient: str, sender_domain: str, return_path: str) -> None:
        """Record one accepted copy; it is with the operating system when this returns, before 250 is said."""
        self._write(Entry("accepted", clock.now().timestamp(), number, message_id, recipient, sender_domain, return_path))

    def note(self, verb: str, *, recipient: str, detail: str, number: int = 0, message_id: str = "", sender_domain: str = "") -> None:
        """Record anything else that happened to a letter."""
        self._write(Entry(verb, clock.now().timestamp(), number, message_id, recipient, sender_domain, detail))

    def counts(self) -> dict[str, int]:
        """Return the totals, each known name present."""
        return {**dict.fromkeys(names(), 0), **self.total.counts}

    def counts_by_sender(self) -> dict[str, dict[str, int]]:
        """Return the same counts for each domain in From (for a refusal before DATA: the return path's domain)."""
        return {domain: {**dict.fromkeys(names(), 0), **tally.counts} for domain, tally in self.by_sender.items()}

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write(self, entry: Entry) -> None:
        line = self._encode(entry) + b"\n"
        if os.write(self._file, line) != len(line):
            message = "the ledger could not be written whole: is the disk full?"
            raise OSError(message)
        self._count(entry)

    def _count(self, entry: Entry) -> None:
        self.last_number = max(self.last_number, entry.number)
        if entry.verb == "accepted":
            self._count_copy(entry)
            return
        verb = _VERBS[entry.verb]
        if not verb.distinct or self._is_new(entry.verb, entry.message_id or entry.detail, entry.recipient):
            self._add(entry.sender_domain, verb.name)

    def _count_copy(self, entry: Entry) -> None:
        self._add(entry.sender_domain, "copies")
        new = self._is_new("accepted", entry.message_id, entry.recipient)
        self._add(entry.sender_domain, "accepted" if new else "duplicates")

    def _is_new(self, verb: str, identity: str, recipient: str) -> bool:
        key = hashlib.blake2b(f"{verb}\0{identity}\0{recipient}".encode("utf-8", "surrogateescape"), digest_size=16).digest()
        before = len(self._seen)
        self._seen.add(key)
        return len(self._seen) > before

    def _add(self, sender_domain: str, name: str) -> None:
        self.total.add(name)
        if sender_domain:
            tally = self.by_sender.get(sender_domain)
            if tally is None:
                tally = self.by_sender[sender_domain] = Tally()
            tally.add(name)


def read(path: Path) -> list[Entry]:
    """Return every whole line of a ledger; a last line cut short by a crash is left out (its letter got no 250)."""
    decode: Any = msgspec.json.Decoder(Entry).decode
    lines = path.read_bytes().split(b"\n")
    return [decode(line) for line in lines[:-1] if line]


def _drop_cut_line(file: int) -> None:
    """Cut the file after its last whole line, so that the next one does not run into a half one."""
    size = os.fstat(file).st_size
    tail = os.pread(file, MAX_LINE_BYTES, max(0, size - MAX_LINE_BYTES))
    if tail and not tail.endswith(b"\n"):
        os.ftruncate(file, size - len(tail) + tail.rfind(b"\n") + 1)


def names() -> tuple[str, ...]:
    """Return the names of all counts."""
    return ("copies", "accepted", "duplicates", *(verb.name for verb in _VERBS.values()))
