"""A lease's journal: an append-only local file that outlives its process, and whose lock tells whether the process lives.

The file is made under a hidden name, locked with flock, and only then renamed to `<tenant>-<lease>`, so whoever sees it
by that name and gets the lock knows that its holder is dead: for certain, without a time-out. It must never be
open across a fork: a child would hold the lock on behalf of a dead parent. What its lines say stands in `records.py`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from posthouse.sending.delivery import hosts
from posthouse.sending.delivery.records import Mark, Replay, parse
from posthouse.sending.delivery.wire import Reply

TEXT_LIMIT = 500  # characters of a reply that are worth keeping
_NAME = re.compile(r"(\d{1,19})-(\d{1,19})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


class JournalFailed(Exception):
    """The journal can't be written (disk full, read-only, gone): stop before any body leaves."""


class Journal:
    """An open, locked journal. Not safe for several threads."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._fd = descriptor
        self._held = ""

    def intend(self, message_id: int, route_id: int) -> None:
        """Note that the body is about to leave. Raises: JournalFailed, and then it must not leave."""
        self._append(f"I {message_id} {route_id}\n")

    def record(self, mark: Mark, message_id: int, reply: Reply, stage: str) -> None:
        """Note a final reply; it is written with the next intent, and by `flush` at the latest.

        So it is there before another body leaves on the same connection, and a write less is needed for each message.
        """
        self._held += f"{mark} {message_id} {reply.code} {reply.enhanced or '-'} {stage or '-'} {_one_line(reply.text)}\n"

    def unknown(self, message_id: int, why: str) -> None:
        """Note that the body left and no reply came. Raises: JournalFailed."""
        self._append(f"{Mark.UNKNOWN} {message_id} {_one_line(why)}\n")

    def flush(self) -> None:
        """Write what is held back. Raises: JournalFailed."""
        if self._held:
            self._append("")

    def sync(self) -> None:
        """Force all to the disk, so that only power loss within the last second can widen what is unknown. Raises: JournalFailed."""
        self.flush()
        try:
            os.fdatasync(self._fd)
        except OSError as failure:
            raise JournalFailed(str(failure)) from failure

    def close(self) -> None:
        """Let go of the file and its lock; a sweeper will take it up."""
        with contextlib.suppress(JournalFailed):
            self.flush()
        os.close(self._fd)

    def remove(self) -> None:
        """Delete the file and let go of the lock, once its outcomes are committed."""
        self._held = ""
        self.path.unlink(missing_ok=True)
        os.close(self._fd)

    def _append(self, line: str) -> None:
        data = (self._held + line).encode("utf-8", "replace")
        self._held = ""
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
