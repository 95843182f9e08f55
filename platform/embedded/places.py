"""Where an embedded server keeps its socket, and the lock that makes it the only one in its data folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

# sockaddr_un holds 108 bytes on Linux, 104 on macOS, with a closing zero byte.
LONGEST_SOCKET_PATH = 103
LONGEST_SOCKET_NAME = len(".s.PGSQL.5432")


class CannotStart(RuntimeError):
    """An embedded server does not start; the text says why and what to do."""


def sockets(data: Path, service: str) -> Path:
    """Return the folder of one service's socket: below the data folder, or a short one where that path is too long.

    The same data folder gives the same answer in every process.
    """
    near = data.resolve() / "run" / service
    if len(os.fsencode(near)) + 1 + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH:
        return near
    digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
    return Path("/tmp") / f"posthouse-{digest}-{service}"  # noqa: S108  (made private and checked before use)


def refuse_foreign(folder: Path) -> None:
    """Raise CannotStart if somebody else made the short socket folder before us, or put a link in its place."""
    if folder.is_symlink():
        raise CannotStart(f"{folder} is a link that Posthouse did not make: remove it")
    if folder.exists() and os.geteuid() not in {0, folder.stat().st_uid}:
        raise CannotStart(f"{folder} belongs to another account: remove it, or choose another data folder with POSTHOUSE_DATA")


def is_held(data: Path, service: str) -> bool:
    """Say whether a living process runs this service in the data folder."""
    try:
        Lock(data, service).free()
    except CannotStart:
        return True
    return False


class Lock:
    """One holder at a time; the kernel frees it when the holder dies, however it dies."""

    def __init__(self, data: Path, service: str) -> None:
        """Take the lock. Raises: CannotStart if another process has it."""
        self._file = (data / f"{service}.lock").open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise CannotStart(
                f"process {holder} already runs {service} in {data}: stop that one, or choose another data folder with POSTHOUSE_DATA"
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def free(self) -> None:
        """Give the lock back."""
        self._file.close()
