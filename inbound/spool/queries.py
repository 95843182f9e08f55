"""Look into the spool."""

import heapq
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path


def waiting(root: Path, *, limit: int) -> list[Path]:
    """The oldest mails that wait, by name (names begin with the time)."""
    folder = root / "new"
    return [folder / name for name in heapq.nsmallest(limit, _names(folder))]


def count_waiting(root: Path, *, up_to: int) -> int:
    """How many mails wait, counted to `up_to` at most."""
    return sum(1 for _ in islice(_names(root / "new"), up_to))


def _names(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        yield from (entry.name for entry in entries if entry.name.endswith(".mail"))
