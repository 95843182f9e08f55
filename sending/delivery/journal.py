"""A lease's journal: an append-only local file that outlives its process, and whose lock tells whether the process lives.

The file is made under a hidden name, locked with flock, and only then renamed to `<tenant>-<lease>`, so whoever sees it
by that name and gets the lock knows that its holder is dead: for certain, without a time-out. It must never be
open across a fork: a child would hold the lock on behalf of a dead parent. Lines:

    L <tenant> <lease> <until> <reseller> <boot>      the head; until = seconds since 1970 until which the lease's COMMIT may still arrive;
                                          boot = which start of the machine wrote it: after another one lines may be missing
    I <message> <route>                   the body is about to leave: from here to the reply nobody knows
    O <message> <code> <enhanced> <stage> <text>      taken (2xx after the final dot)
    N ...the same...                      not now (4xx, or a refusal that says nothing about the message)
    P ...the same...                      refused for good (5xx)
    U <message> <why>                     the body left and no reply came
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from posthouse.sending.delivery import hosts
from posthouse.sending.delivery.wire import Reply

TEXT_LIMIT = 500  # characters of a reply that are worth keeping
_NAME = re.compile(r"(\d{1,19})-(\d{1,19})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


class JournalFailed(Exception):
    """The journal can't be written (disk full, read-only, gone): stop before any body leaves."""


class Mark(StrEnum):
    """What a line says."""

    LEASE = "L"
    INTENT = "I"
    SENT = "O"
    DEFERRED = "N"
    REFUSED = "P"
    UNKNOWN = "U"


class Record(NamedTuple):
    """The last word about one message. `code` is 0 where no server said anything; `route_id` 0 where none was chosen."""

    mark: Mark
    message_id: int
    code: int = 0
    enhanced: str | None = None
    stage: str = ""
    text: str = ""
    route_id: int = 0


@dataclass(slots=True)
class Replay:
    """What a journal says. `damaged` counts unreadable lines before the last; a torn last line is no damage."""

    tenant_id: int
    lease_id: int
    until: int = 0
    reseller_id: int = 0
    records: dict[int, Record] = field(default_factory=dict)
    damaged: int = 0
    outlived: bool = False  # the machine went down since: what was not synced yet is gone

    def of(self, message_id: int) -> Record | None:
        """Return the last word about a message: None means that its body never left.

        A damaged journal can't prove that, nor one from before a power loss, so then a message without a line is unknown.
        """
        known = self.records.get(message_id)
        if known is None and self.damaged:
            return Record(Mark.UNKNOWN, message_id, text="the journal is damaged")
        if known is None and self.outlived:
            return Record(Mark.UNKNOWN, message_id, text="the machine went down while it was at work")
        return known


class Journal:
    """An open, locked journal. Not safe for several threads, but `sync` may run beside `write`s."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._fd = descriptor

    def intend(self, message_id: int, route_id: int) -> None:
        """Note that the body is about to leave. Raises: JournalFailed, and then it must not leave."""
        self._append(f"I {message_id} {route_id}\n")

    def record(self, mark: Mark, message_id: int, reply: Reply, stage: str) -> None:
        """Note a final reply. Raises: JournalFailed."""
        self._append(f"{mark} {message_id} {reply.code} {reply.enhanced or '-'} {stage or '-'} {_one_line(reply.text)}\n")

    def unknown(self, message_id: int, why: str) -> None:
        """Note that the body left and no reply came. Raises: JournalFailed."""
        self._append(f"{Mark.UNKNOWN} {message_id} {_one_line(why)}\n")

    def sync(self) -> None:
        """Force what is written to the disk, so that only power loss within the last second can widen what is unknown."""
        try:
            os.fdatasync(self._fd)
        except OSError as failure:
            raise JournalFailed(str(failure)) from failure

    def close(self) -> None:
        """Let go of the file and its lock; a sweeper will take it up."""
        os.close(self._fd)

    def remove(self) -> None:
        """Delete the file and let go of the lock, once its outcomes are committed."""
        self.path.unlink(missing_ok=True)
        os.close(self._fd)

    def _append(self, line: str) -> None:
        data = line.encode("utf-8", "replace")
        try:
            written = os.write(self._fd, data)
        except OSError as failure:
            raise JournalFailed(str(failure)) from failure
        if written != len(data):
            raise JournalFailed("the disk took only a part of a line")


def _one_line(text: str) -> str:
    # What is printable holds none of them.
    return (text if text.isprintable() else _CONTROL.sub(" ", text))[:TEXT_LIMIT]


def create(folder: Path, tenant_id: int, lease_id: int, until: int, *, reseller_id: int) -> Journal:
    """Make, lock and only then name a lease's journal. `until` in seconds since 1970. Raises: JournalFailed."""
    hidden = folder / f".{secrets.token_hex(8)}"
    path = folder / f"{tenant_id}-{lease_id}"
    head = f"{Mark.LEASE} {tenant_id} {lease_id} {until} {reseller_id} {hosts.boot()}\n".encode()
    try:
        descriptor = os.open(hidden, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as failure:
        raise JournalFailed(f"{path}: {failure}") from failure
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.write(descriptor, head) != len(head):
            raise OSError(errno.ENOSPC, "the disk took only a part of the head")
        os.fdatasync(descriptor)
        hidden.rename(path)
        _sync_folder(folder)
    except OSError as failure:
        hidden.unlink(missing_ok=True)
        Journal(path, descriptor).remove()
        raise JournalFailed(f"{path}: {failure}") from failure
    return Journal(path, descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A journal whose holder is dead; we hold its lock until `close` or `remove`."""

    journal: Journal
    replay: Replay


def abandoned(folder: Path) -> Iterator[Abandoned]:
    """Yield each journal of this host whose holder is dead, locked by us. The caller closes or removes it."""
    for path in sorted(folder.iterdir()):
        found = _NAME.fullmatch(path.name)
        if found is None:
            continue
        descriptor = _take(path)
        if descriptor is not None:
            replay = parse(_read_all(descriptor), tenant_id=int(found.group(1)), lease_id=int(found.group(2)))
            yield Abandoned(Journal(path, descriptor), replay)


def _take(path: Path) -> int | None:
    """Open and lock a journal; None when its holder lives or it has just been removed."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Another sweeper may have removed the file between our open and our lock.
        if os.fstat(descriptor).st_nlink:
            return descriptor
    except OSError as failure:
        if failure.errno not in (errno.EWOULDBLOCK, errno.EAGAIN):
            os.close(descriptor)
            raise
    os.close(descriptor)
    return None


def _read_all(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def forget_unnamed(folder: Path, *, older_than: float) -> int:
    """Delete hidden files that never got their name: their transaction can't have committed. `older_than`: seconds since 1970."""
    removed = 0
    for path in folder.glob(".[0-9a-f]*"):
        if path.stat().st_mtime >= older_than:
            continue
        descriptor = _take(path)
        if descriptor is not None:
            Journal(path, descriptor).remove()
            removed += 1
    return removed


def parse(data: bytes, *, tenant_id: int, lease_id: int) -> Replay:
    """Read a journal's bytes; never raises. What a crash tore off at the end is ignored."""
    replay = Replay(tenant_id, lease_id)
    # After a power loss a file system may show zeros where the last blocks were not written.
    complete, _, _ = data.partition(b"\x00")
    lines = complete.split(b"\n")[:-1]
    for line in lines:
        record = _parse_line(line.decode("utf-8", "replace"), replay)
        if record is not None:
            _note(replay, record)
    return replay


def _note(replay: Replay, record: Record) -> None:
    before = replay.records.get(record.message_id)
    if record.mark is Mark.INTENT or before is None:
        replay.records[record.message_id] = record
    else:
        route = before.route_id
        replay.records[record.message_id] = Record(
            record.mark, record.message_id, record.code, record.enhanced, record.stage, record.text, route
        )


def _parse_line(line: str, replay: Replay) -> Record | None:
    mark, _, rest = line.partition(" ")
    try:
        if mark == Mark.LEASE:
            replay.until = _head(rest, replay)
            return None
        return _READERS[mark](rest)
    except (KeyError, ValueError):
        replay.damaged += 1
        return None


def _head(rest: str, replay: Replay) -> int:
    tenant, lease, until, reseller, written_in = rest.split(" ")
    if (int(tenant), int(lease)) != (replay.tenant_id, replay.lease_id):
        raise ValueError("the head names another lease than the file's name")
    replay.reseller_id = int(reseller)
    replay.outlived = written_in != hosts.boot()
    return int(until)


def _intent(rest: str) -> Record:
    message, route = rest.split(" ")
    return Record(Mark.INTENT, _id(message), route_id=int(route))


def _unknown(rest: str) -> Record:
    message, _, why = rest.partition(" ")
    return Record(Mark.UNKNOWN, _id(message), text=why)


def _final(mark: Mark, rest: str) -> Record:
    message, code, enhanced, stage, text = rest.split(" ", 4)
    return Record(mark, _id(message), int(code), None if enhanced == "-" else enhanced, "" if stage == "-" else stage, text)


def _id(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("not an id")
    return int(text)


_READERS: dict[str, Callable[[str], Record]] = {
    Mark.INTENT.value: _intent,
    Mark.UNKNOWN.value: _unknown,
    Mark.SENT.value: lambda rest: _final(Mark.SENT, rest),
    Mark.DEFERRED.value: lambda rest: _final(Mark.DEFERRED, rest),
    Mark.REFUSED.value: lambda rest: _final(Mark.REFUSED, rest),
}
