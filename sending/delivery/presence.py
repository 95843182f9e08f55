"""Which workers of this machine live: each holds a lock on a file of its own, which the kernel lets go when it dies."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FOLDER = ".workers"  # beside the journals, and none of them


class Presence:
    """A worker's sign of life; `name` is unlike any other's, also after a restart."""

    def __init__(self, journals: Path) -> None:
        self.name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._path = journals / _FOLDER / self.name
        self._descriptor: int | None = None
        # A full disk keeps nobody from sending: what it holds then comes back at the end of its term.
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            self._descriptor = _locked(self._path, os.O_CREAT | os.O_EXCL)

    def end(self) -> None:
        """Take it away."""
        self._path.unlink(missing_ok=True)
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def gone(journals: Path) -> Iterator[list[str]]:
    """Give the names of workers that died; their signs are taken away when the block ends well."""
    taken: list[tuple[Path, int]] = []
    try:
        for path in sorted((journals / _FOLDER).glob("*-*")):
            with suppress(OSError):
                taken.append((path, _locked(path)))
        yield [path.name for path, _ in taken]
        for path, _ in taken:
            path.unlink(missing_ok=True)
    finally:
        for _, descriptor in taken:
            os.close(descriptor)


def _locked(path: Path, flags: int = 0) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
