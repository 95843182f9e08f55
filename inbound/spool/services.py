"""Put mail into the spool, and take it out once it is stored elsewhere."""

import contextlib
import errno
import os
import secrets
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from posthouse.inbound.spool.files import Envelope, pack

FREE_BYTES = 64 * 1024 * 1024  # the disk is called full before it is, so that the database can still work
LEFTOVER_SECONDS = 3600.0  # an unfinished file older than this belongs to nobody: no transaction lasts so long

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class SpoolFull(Exception):
    """There is no room for the mail (disk or inodes)."""


class SpoolBroken(Exception):
    """The mail could not be written for another reason."""


def prepare(root: Path) -> None:
    """Make the spool's folders and drop what a crash left unfinished; nothing there was ever acknowledged."""
    for name in ("tmp", "new", "broken"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for leftover in (root / "tmp").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - leftover.stat().st_mtime > LEFTOVER_SECONDS:
                leftover.unlink()


def store(root: Path, envelope: Envelope, content: bytes) -> Path:
    """Write one mail so that it survives a power cut; only then may it be acknowledged. Raises: SpoolFull, SpoolBroken."""
    return store_together(root, [(envelope, content)])


def store_together(root: Path, mails: Sequence[tuple[Envelope, bytes]]) -> Path:
    """Write mails into one file, so that all of them survive a power cut; only then may they be acknowledged.

    Written aside, synced, renamed into `new/`, and the folder synced: at no moment does `new/` hold half a file.
    Raises: SpoolFull, SpoolBroken; then nothing is left behind.
    """
    name = f"{time.time_ns():020d}.{os.getpid()}.{secrets.token_hex(6)}.{len(mails)}.mail"
    unfinished, finished = root / "tmp" / name, root / "new" / name
    try:
        if shutil.disk_usage(root).free < FREE_BYTES + sum(len(content) for _, content in mails):
            raise SpoolFull(str(root))
        _write_synced(unfinished, b"".join(pack(envelope, content) for envelope, content in mails))
        os.rename(unfinished, finished)  # noqa: PTH104 - the tests of the intake cut in here
        _sync_folder(root / "new")
    except OSError as problem:
        _forget(unfinished, finished)
        kind = SpoolFull if problem.errno in _FULL else SpoolBroken
        raise kind(str(problem)) from problem
    return finished


def remove(path: Path) -> None:
    """Take a file out of the spool; call it when all of its mails' transactions are committed. Repeating it changes nothing."""
    path.unlink(missing_ok=True)


def set_aside(root: Path, path: Path) -> None:
    """Keep a file that cannot be read, out of the way, for a person to look at."""
    with contextlib.suppress(FileNotFoundError):
        path.rename(root / "broken" / path.name)


def _write_synced(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _forget(*paths: Path) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()
