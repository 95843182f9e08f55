"""Look into the spool."""

import heapq
import os
from collections.abc import Iterator
from pathlib import Path


def waiting(root: Path, *, limit: int) -> list[Path]:
    """The oldest files that wait, by name (names begin with the time)."""
    folder = root / "new"
    return [folder / name for name in heapq.nsmallest(limit, _names(folder))]


def count_waiting(root: Path, *, up_to: int) -> int:
    """How many mails wait, counted to `up_to` at most."""
    count = 0
    for name in _names(root / "new"):
        count += _mails_in(name)
        if count >= up_to:
            return up_to
    return count


def _mails_in(name: str) -> int:
    parts = name.split(".")  # time, process, chance, mails, "mail"
    return int(parts[3]) if len(parts) == 5 and parts[3].isdigit() else 1


def _names(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        yield from (entry.name for entry in entries if entry.name.endswith(".mail"))
