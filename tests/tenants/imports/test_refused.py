"""The file of refused rows."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from posthouse.tenants.imports.formulas import unguard
from posthouse.tenants.imports.preview import Preview, look
from posthouse.tenants.imports.refused import ADDED, write
from posthouse.tenants.imports.rows import Refused


def written(names, rows):
    return list(csv.reader(io.StringIO("".join(write(names, rows)).removeprefix("\ufeff"), newline="")))


def test_row_with_reason():
    """A refused row stands as it came, with its line, code and reason."""
    rows = written(["email", "name"], [Refused(9, "address_empty", "There is no address.", ["", "Ann"], "email")])
    assert rows == [["email", "name", *ADDED], ["", "Ann", "9", "address_empty", "email: There is no address."]]


def test_row_32_formulas_are_guarded():
    """Opening the file runs nothing, in names as in cells."""
    rows = written(["=cmd", "b"], [Refused(2, "c", "S.", ["@SUM(1)", "-1"])])
    assert rows[0][0] == "'=cmd"
    assert rows[1][:2] == ["'@SUM(1)", "'-1"]


def test_can_be_imported_again():
    """After mending, the file is an import like any other: its added columns are left out."""
    text = "".join(write(["email", "name"], [Refused(9, "address_empty", "No.", ["a@b.com", "Ann"], "email")]))
    seen = look(io.BytesIO(text.encode()))
    assert isinstance(seen, Preview)
    assert [column.target for column in seen.columns] == ["email", "name", "ignore", "ignore", "ignore"]


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=10), max_size=5), max_size=10))
def test_no_row_and_no_cell_is_lost(rows):
    """As many rows come out as went in, and every cell is in its row."""
    found = written(["a", "b", "c"], [Refused(number, "c", "S.", cells) for number, cells in enumerate(rows)])
    assert len(found) == len(rows) + 1
    for cells, out in zip(rows, found[1:], strict=True):
        assert [unguard(cell) for cell in out[: min(len(cells), 2)]] == cells[:2]
        assert " ".join(cells[2:]) == unguard(out[2])
