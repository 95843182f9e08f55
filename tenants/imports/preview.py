"""Look at a file before it is imported: how it is written, what its columns seem to hold, its first rows, or why it can't be used."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import BinaryIO

from posthouse.tenants.imports import delimiters, encoding, headers, reader

SHOWN_ROWS = 20
JUDGED_ROWS = 100
_SPREADSHEETS = (b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd")
_OTHER = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x7fELF", b"MZ\x90")


@dataclass(frozen=True, slots=True)
class FileRefused:
    """Why a file can't be imported."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person says about the file against the guess; None keeps the guess."""

    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """A file as it would be read. `rows` are its first rows without the header, broken ones included."""

    shape: reader.Shape
    columns: tuple[headers.Column, ...]
    rows: tuple[reader.Row | reader.Broken, ...]


_NOT_TEXT = FileRefused("file_is_not_text", "This is not a text file. Choose a CSV file.")


def look(file: BinaryIO, *, known_keys: Sequence[str] = (), wishes: Wishes | None = None) -> Preview | FileRefused:
    """Look at a file; reads it once for its encoding, then its beginning. Never raises for what is in it."""
    wishes = wishes or Wishes()
    if (refusal := _refuse_outright(file) or _refuse_wishes(wishes)) is not None:
        return refusal
    written = encoding.detect(file)
    if wishes.encoding is not None and wishes.encoding != written.name:
        written = encoding.Encoding(wishes.encoding)
    shape = reader.shape_of(file, encoding=written, header=False)
    if wishes.delimiter is not None:
        shape = replace(shape, delimiter=wishes.delimiter)
    rows = tuple(islice(reader.read_rows(file, shape), JUDGED_ROWS))
    return _judge(shape, rows, known_keys, wishes)


def _judge(
    shape: reader.Shape, rows: tuple[reader.Row | reader.Broken, ...], known_keys: Sequence[str], wishes: Wishes
) -> Preview | FileRefused:
    cells = [row.cells for row in rows if isinstance(row, reader.Row)]
    if not rows:
        return FileRefused("file_empty", "The file is empty. Choose one with a row for each contact.")
    if not cells:
        broken = next(row for row in rows if isinstance(row, reader.Broken))
        return FileRefused(broken.code, f"The file can't be read from line {broken.line} on. {broken.sentence}")
    if _is_no_text("".join(letter for row in cells for letter in row)):
        return _NOT_TEXT
    first_is_row = isinstance(rows[0], reader.Row)
    header = wishes.header if wishes.header is not None else first_is_row and headers.looks_like_header(cells)
    if header and len(rows) == 1:
        return FileRefused("file_without_rows", "The file has a row of column names and nothing below it.")
    columns = headers.guess_columns(cells, header=header and first_is_row, known_keys=known_keys)
    return Preview(replace(shape, header=header), columns, rows[header : header + SHOWN_ROWS])


def _refuse_outright(file: BinaryIO) -> FileRefused | None:
    size_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(8)
    if size_bytes == 0:
        return FileRefused("file_empty", "The file is empty. Choose one with a row for each contact.")
    if size_bytes > reader.MAX_FILE_BYTES:
        return FileRefused(
            "file_too_large", f"The file is larger than {reader.MAX_FILE_BYTES // 1024 // 1024} MB. Split it and import the parts."
        )
    if head.startswith(_SPREADSHEETS):
        return FileRefused(
            "file_is_spreadsheet", "This is a spreadsheet or a ZIP archive. Save it as CSV (in spreadsheets: “Save as”, “CSV UTF-8”)."
        )
    if head.startswith(_PACKED):
        return FileRefused("file_is_packed", "This is a packed file. Unpack it and choose the CSV file inside.")
    if head.startswith(_OTHER):
        return _NOT_TEXT
    return None


def _is_no_text(letters: str) -> bool:
    """One NUL is a mistake in a row; many are something else than text."""
    return letters.count("\0") * 10 > len(letters)


def _refuse_wishes(wishes: Wishes) -> FileRefused | None:
    if wishes.encoding is not None and wishes.encoding not in encoding.CHOICES:
        return FileRefused("encoding_unknown", f"This encoding is not known. Choose one of {', '.join(encoding.CHOICES)}.")
    if wishes.delimiter is not None and wishes.delimiter not in delimiters.CHOICES:
        return FileRefused("delimiter_unknown", "Cells can be parted by a comma, a semicolon, a tab or a pipe. Choose one of them.")
    return None
