"""Keep spreadsheet programs from running what stands in a cell (CSV injection), and undo that on the way back.

Values are stored as they came. On the way out a cell that a spreadsheet would take for a formula gets an apostrophe before it; a cell that
already begins with apostrophes and then such a letter gets one more, so that `unguard(guard(cell))` is always `cell`.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\0\uff1d\uff0b\uff0d\uff20]")  # the last four are the full-width forms, which some programs fold


def guard(cell: str) -> str:
    """Return the cell as it may stand in a CSV file that people open."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguard(cell: str) -> str:
    """Return the cell that `guard` was given."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell
