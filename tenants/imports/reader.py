"""Read a file's rows one after the other, whatever is in them, within fixed memory.

A row that can't be read as one (a quotation mark that is never closed, a line without end, too many cells) comes out as `Broken`, and reading
goes on with the next line, so no row is lost and no later one is swallowed. Blank rows aren't rows. The same file gives the same rows
each time: that is what makes an import resumable by its count of rows.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from posthouse.tenants.imports import delimiters
from posthouse.tenants.imports.encoding import Encoding

MAX_FILE_BYTES = 200 * 1024 * 1024
MAX_COLUMNS = 200
MAX_CELL_LETTERS = 32_767  # what spreadsheet programs keep in one cell
MAX_LINE_LETTERS = 256 * 1024
MAX_LINES_IN_ROW = 100
SHOWN_LETTERS = 500  # of a row that can't be read


@dataclass(frozen=True, slots=True)
class Shape:
    """How to read a file: its encoding, delimiter, whether the first row names the columns, and a delimiter hint line to skip."""

    encoding: Encoding
    delimiter: str
    header: bool
    hint: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that can't be read as one. `shown` is its beginning."""

    line: int
    code: str
    sentence: str
    shown: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row's cells, and the number of its first line in the file, from 1."""

    line: int
    cells: list[str]


def open_text(file: BinaryIO, encoding: Encoding) -> io.TextIOWrapper:
    """Open the file as text from its first letter; line ends stay as they are, so that those inside cells survive."""
    file.seek(encoding.skip_bytes)
    return io.TextIOWrapper(file, encoding=encoding.name, errors=encoding.errors, newline="")


def read_rows(file: BinaryIO, shape: Shape) -> Iterator[Row | Broken]:
    """Give every row that isn't blank, header included; closes nothing, never raises for what is in the file."""
    text = open_text(file, shape.encoding)
    try:
        yield from _Rows(text, shape).read()
    finally:
        if not file.closed:
            text.detach()


class _Rows:
    """The lines of a text with push-back, so that a row that fails gives back all but its first line."""

    def __init__(self, text: io.TextIOWrapper, shape: Shape) -> None:
        self._text = text
        self._shape = shape
        self._back: deque[_Line] = deque()
        self._taken: list[_Line] = []  # the lines of the row that is being read
        self._line = 0  # how many lines were taken and not given back
        self._ended = False

    def read(self) -> Iterator[Row | Broken]:
        if self._shape.hint:
            self._next_line()
        while not (self._ended and not self._back):
            yield from self._read_until_broken()

    def _read_until_broken(self) -> Iterator[Row | Broken]:
        """Read rows with one parser until one can't be read: then say so, give the lines back and return."""
        self._taken, self._ended = [], False
        parser = csv.reader(self._lines(), delimiter=self._shape.delimiter)
        while True:
            first = self._line + 1
            try:
                cells = next(parser)
            except StopIteration:
                return
            except (csv.Error, _NoEndError):
                yield self._break_off(first)
                return
            if self._ended:  # the parser asked for one more line: a quotation mark is still open
                yield self._break_off(first)
                return
            self._taken.clear()
            if (refusal := _refuse(first, cells)) is not None:
                yield refusal
            elif any(cell and not cell.isspace() for cell in cells):
                yield Row(first, cells)

    def _lines(self) -> Iterator[str]:
        while (line := self._next_line()) is not None:
            self._taken.append(line)
            if line.cut or len(self._taken) > MAX_LINES_IN_ROW:
                raise _NoEndError
            yield line.text
        self._ended = True

    def _next_line(self) -> _Line | None:
        line = self._back.popleft() if self._back else self._read_line()
        self._line += line is not None
        return line

    def _read_line(self) -> _Line | None:
        text = self._text.readline(MAX_LINE_LETTERS)
        if not text:
            return None
        if len(text) < MAX_LINE_LETTERS or text[-1] in "\r\n":
            return _Line(text)
        while (rest := self._text.readline(MAX_LINE_LETTERS)) and rest[-1] not in "\r\n":
            pass
        return _Line(text[:SHOWN_LETTERS], cut=True)

    def _break_off(self, first: int) -> Broken:
        taken, self._taken = self._taken, []
        self._back.extendleft(reversed(taken[1:]))
        self._line = first
        shown = taken[0].text[:SHOWN_LETTERS].rstrip("\r\n")
        if taken[0].cut:
            return Broken(
                first, "row_too_long", f"The line is longer than {MAX_LINE_LETTERS} characters. Take out what makes it so long.", shown
            )
        if len(taken) == 1 and not self._ended:
            return _cell_too_long(first, shown)
        return Broken(
            first,
            "row_quote_open",
            "A quotation mark is opened and not closed. Close it, or double it where it is part of the text.",
            shown,
        )


@dataclass(frozen=True, slots=True)
class _Line:
    """One line; `cut` says that it was too long and only its beginning is kept."""

    text: str
    cut: bool = False


class _NoEndError(Exception):
    """The row that is being read has no end within the limits."""


def _cell_too_long(line: int, shown: str) -> Broken:
    return Broken(line, "cell_too_long", f"A cell is longer than {MAX_CELL_LETTERS} characters. Shorten it.", shown)


def _refuse(line: int, cells: list[str]) -> Broken | None:
    if len(cells) > MAX_COLUMNS:
        shown = ",".join(cells[:20])[:SHOWN_LETTERS]
        return Broken(
            line, "row_too_many_columns", f"The row has {len(cells)} cells; at most {MAX_COLUMNS} are read. Take columns out.", shown
        )
    if any(len(cell) > MAX_CELL_LETTERS for cell in cells):
        return _cell_too_long(line, ",".join(cells)[:SHOWN_LETTERS])
    return None


def shape_of(file: BinaryIO, *, encoding: Encoding, header: bool) -> Shape:
    """Work out the delimiter from the first lines. `header` is filled in as given."""
    text = open_text(file, encoding)
    try:
        lines = [line for _ in range(delimiters.MAX_SAMPLE_ROWS) if (line := text.readline(MAX_LINE_LETTERS))]
    finally:
        text.detach()
    hint = delimiters.read_hint(lines[0]) if lines else None
    return Shape(encoding, hint or delimiters.detect(lines), header=header, hint=hint is not None)
