"""Find out what parts the cells of a row.

Each of comma, semicolon, tab and pipe gets a vote from the first rows: how many cells it makes of the first row, and how many of the others
agree. No vote means a file of one column. Sniffers that guess from letter counts said `e` and `@` on plain lists of addresses.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

CHOICES = (",", ";", "\t", "|")
MAX_SAMPLE_ROWS = 60
_HINT = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


def read_hint(first_line: str) -> str | None:
    """Read the line `sep=;` with which spreadsheet programs name the delimiter; None where it isn't one."""
    match = _HINT.fullmatch(first_line.strip("\r\n\ufeff"))
    return match.group(1) if match and match.group(1) in CHOICES else None


def detect(lines: Sequence[str]) -> str:
    """Say which delimiter parts the cells of these first lines; a comma where there is one column. Never raises."""
    votes = [(_vote(lines, delimiter), delimiter) for delimiter in CHOICES]
    best = max(votes, key=lambda vote: vote[0])
    return best[1] if best[0] > 0 else ","


def _vote(lines: Sequence[str], delimiter: str) -> float:
    try:
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if any(cell.strip() for cell in row)][:MAX_SAMPLE_ROWS]
    except csv.Error:
        return 0.0
    if not rows or len(rows[0]) < 2:
        return _vote_by_others(rows)
    agreeing = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
    return agreeing * (1 + min(len(rows[0]), 20) / 100)


def _vote_by_others(rows: Sequence[Sequence[str]]) -> float:
    """A title above the header has one cell; then a clear majority of equal rows below still says what parts them."""
    widths = [len(row) for row in rows]
    if not widths:
        return 0.0
    common = max(set(widths), key=widths.count)
    return widths.count(common) / len(widths) * 0.5 if common > 1 and widths.count(common) * 2 > len(widths) else 0.0
