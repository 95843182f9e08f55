"""Reading rows within limits, losing none (rows 29 to 31 of the bad inputs)."""

import csv
import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.tenants.imports import reader
from posthouse.tenants.imports.encoding import Encoding, detect
from posthouse.tenants.imports.reader import Broken, Row, Shape, read_rows, shape_of


def rows_of(text, *, delimiter=",", hint=False, encoding="utf-8"):
    shape = Shape(Encoding(encoding), delimiter, header=False, hint=hint)
    return list(read_rows(io.BytesIO(text.encode(encoding)), shape))


def test_rows_and_line_numbers():
    """Rows carry the number of their first line; blank ones aren't rows; line ends inside cells stay."""
    text = 'a,b\r\n\r\n"x\r\ny",z\n , \n"q""r",s\rlast'
    assert rows_of(text) == [Row(1, ["a", "b"]), Row(3, ["x\r\ny", "z"]), Row(6, ['q"r', "s"]), Row(7, ["last"])]


def test_hint_line():
    """The separator's own line is no row."""
    file = io.BytesIO(b"sep=;\r\nemail;name\r\na@b.com;Ann\r\n")
    shape = shape_of(file, encoding=detect(file), header=True)
    assert (shape.delimiter, shape.hint) == (";", True)
    assert [row.line for row in read_rows(file, shape)] == [2, 3]


def test_row_29_quote_never_closed():
    """One open quotation mark costs its own row and no other."""
    text = 'a@b.com,"Ann\n' + "".join(f"p{number}@b.com,Bob\n" for number in range(1000))
    rows = rows_of(text)
    assert rows[0] == Broken(1, "row_quote_open", rows[0].sentence, 'a@b.com,"Ann')
    assert [row.cells[0] for row in rows[1:]] == [f"p{number}@b.com" for number in range(1000)]
    assert [row.line for row in rows[1:]] == list(range(2, 1002))


@pytest.mark.parametrize("end", ["", "\n"])
def test_row_29_quote_open_at_the_end(end):
    """So it does in the last rows, where the file's end would close it."""
    rows = rows_of('a@b.com,Ann\nc@d.com,"Bob\ne@f.com,Eve' + end)
    assert [type(row) for row in rows] == [Row, Broken, Row]
    assert rows[2].cells == ["e@f.com", "Eve"]
    assert [type(row) for row in rows_of('a@b.com,"Ann' + end)] == [Broken]


def test_row_30_a_million_columns():
    """A row of a million cells is refused, the next one read."""
    rows = rows_of("," * 100_000 + "\n" + "," * 1_000_000 + "\na@b.com,Ann\n")
    assert [row.code for row in rows[:2]] == ["row_too_many_columns", "row_too_long"]
    assert rows[2] == Row(3, ["a@b.com", "Ann"])


def test_row_31_one_cell_of_100_mb():
    """A line of 100 MB is refused in bounded memory, the next one read."""
    data = b"a@b.com,Ann\n" + b"x" * 100_000_000 + b"\nc@d.com,Bob\n"
    tracemalloc.start()
    rows = list(read_rows(io.BytesIO(data), Shape(Encoding("utf-8"), ",", header=False)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [getattr(row, "code", "") for row in rows] == ["", "row_too_long", ""]
    assert peak < 20_000_000


def test_row_31_long_cells():
    """A cell over the limit refuses its row, quoted or not, whether it fits the parser or not."""
    for length in (reader.MAX_CELL_LETTERS + 1, 140_000):
        for cell in ("x" * length, '"' + "x" * length + '"'):
            rows = rows_of(f"{cell},a\nb,c\n")
            assert [getattr(row, "code", "") for row in rows] == ["cell_too_long", ""], (length, cell[:2])


def test_long_line_inside_an_open_quote_comes_again():
    """A line without end behind an open quotation mark is refused on its own and never read in part."""
    rows = rows_of('a,"b\n' + "x" * 300_000 + "\nc,d\n")
    assert [getattr(row, "code", "") for row in rows] == ["row_quote_open", "row_too_long", ""]
    assert rows[2] == Row(3, ["c", "d"])


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=1, max_size=5), max_size=12))
def test_whatever_was_written_is_read(rows):
    """A file written by the rules comes back cell by cell."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    found = rows_of(buffer.getvalue())
    assert all(isinstance(row, Row) for row in found)
    assert [row.cells for row in found] == [row for row in rows if any(cell and not cell.isspace() for cell in row)]


@given(st.text('ab,;"\n\r ', max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_never_raises_and_never_loses_a_line(text):
    """Whatever the file: lines come in order, each at most once as a row's first, and every letter is in some row."""
    rows = rows_of(text)
    lines = [row.line for row in rows]
    assert lines == sorted(set(lines))
    shown = "".join(row.shown if isinstance(row, Broken) else "".join(row.cells) for row in rows)
    for letter in "ab":
        assert shown.count(letter) == text.count(letter)


def test_same_rows_each_time():
    """Reading again gives the same rows: an import goes on by their count."""
    text = 'a,"b\nc,d\n"e\nf",g\n"h,i\n' * 50
    assert rows_of(text) == rows_of(text)
