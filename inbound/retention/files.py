"""Blank addresses in accounting files that were taken in and lie beside their folder until they are old."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

Change = Callable[[str], str]
"""What becomes of a line; its letters stand for its bytes (Latin-1)."""
_LINE_LIMIT = 1_000_000
_CHUNK_LINES = 5_000


def done_files(root: Path) -> list[Path]:
    """List the files of all folders that were taken in or refused."""
    return [path for path in (*root.glob("*/done/*"), *root.glob("*/refused/*")) if path.is_file() and not path.is_symlink()]


def rewrite(path: Path, change: Change) -> bool:
    """Change a file's lines, packed ones too; False where all stay as they are. Replaced at once, with its age; may be repeated."""
    if not any(change(line) != line for line in _lines(path)):
        return False
    fresh = path.with_name(f".{path.name}.part")
    with _written(fresh, packed=_is_packed(path)) as out:
        for line in _lines(path):
            out.write(change(line).encode("latin-1"))
    at = path.stat()
    shutil.copymode(path, fresh)
    os.utime(fresh, ns=(at.st_atime_ns, at.st_mtime_ns))
    fresh.replace(path)
    return True


def chunks(path: Path) -> Iterator[str]:
    """Give a file's text in pieces of whole lines, some thousand lines each."""
    lines = _lines(path)
    while piece := "".join(islice(lines, _CHUNK_LINES)):
        yield piece


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as plain, gzip.open(plain, "rb") if _is_packed(path) else plain as stream:
        try:
            while line := stream.readline(_LINE_LIMIT):
                yield line.decode("latin-1")
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return  # cut off: what was whole is all that can be read


@contextmanager
def _written(path: Path, *, packed: bool) -> Iterator[io.BufferedIOBase]:
    with path.open("wb") as plain:
        if not packed:
            yield plain
            return
        with gzip.open(plain, "wb") as out:
            yield out


def _is_packed(path: Path) -> bool:
    with path.open("rb") as plain:
        return plain.read(2) == b"\x1f\x8b"
