"""Write the file of refused rows: each as it came, with its line number and the reason, safe to open in a spreadsheet program.

It can be mended and imported again: the three added columns are known and left out by the guess.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from posthouse.tenants.imports.formulas import guard
from posthouse.tenants.imports.rows import Refused

ADDED = ("Refused row", "Refusal code", "Refused because")
_FLUSH_LETTERS = 64 * 1024


def write(names: Sequence[str], rows: Iterable[Refused]) -> Iterator[str]:
    """Give the file's text piece by piece; `names` are the columns of the file that was imported."""
    yield from write_csv([*names, *ADDED], (_cells(row, len(names)) for row in rows))


def write_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Give a CSV file (RFC 4180, UTF-8 with a mark so that spreadsheet programs see it) piece by piece, with every cell guarded."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow([guard(cell) for cell in header])
    for cells in rows:
        writer.writerow([guard(cell) for cell in cells])
        if buffer.tell() > _FLUSH_LETTERS:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _cells(row: Refused, width: int) -> list[str]:
    """Fit the row's cells to the columns, keeping what stands beyond the last one inside it rather than losing it."""
    cells = list(row.cells)
    if len(cells) > width:
        cells[width - 1 :] = [" ".join(cells[width - 1 :])]
    cells += [""] * (width - len(cells))
    because = f"{row.column}: {row.sentence}" if row.column else row.sentence
    return [*cells, str(row.line), row.code, because]
