"""Letters on disk between acceptance and examination, so that a burst never lives in memory."""

from __future__ import annotations

import os
from pathlib import Path

from posthouse.sending.simulator.cards import Place

#: A segment is removed as a whole once each of its letters is done with.
SEGMENT_BYTES = 32 * 1024 * 1024


class Spool:
    """Append-only segments in one folder; emptied at start, since what it held was only work in progress."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob("*.mail"):
            stale.unlink()
        self._open: dict[int, int] = {}
        self._number = -1
        self._size = 0
        self._file = -1
        self._next_segment()

    def add(self, data: bytes) -> Place:
        """Keep a letter and return where it lies."""
        if self._size >= SEGMENT_BYTES:
            self._next_segment()
        place = Place(self._number, self._size, len(data))
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        self._size += len(data)
        self._open[self._number] += 1
        return place

    def path(self, segment: int) -> Path:
        """Return the file of a segment."""
        return self._folder / f"{segment:08d}.mail"

    def release(self, place: Place) -> None:
        """Say that a letter is done with; its segment goes when it was the last of a full one."""
        self._open[place.segment] -= 1
        if place.segment != self._number:
            self._drop_if_done(place.segment)

    def close(self) -> None:
        """Close the current segment's file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _next_segment(self) -> None:
        self.close()
        before, self._number, self._size = self._number, self._number + 1, 0
        self._open[self._number] = 0
        self._file = os.open(self.path(self._number), os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_TRUNC, 0o600)
        if before >= 0:
            self._drop_if_done(before)

    def _drop_if_done(self, segment: int) -> None:
        if self._open[segment] == 0:
            self.path(segment).unlink(missing_ok=True)
            del self._open[segment]


def read(path: Path, place: Place) -> bytes:
    """Return a letter's bytes from its segment's file; also usable from another process."""
    with path.open("rb") as file:
        file.seek(place.offset)
        return file.read(place.length)
