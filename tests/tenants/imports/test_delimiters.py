"""What parts the cells of a row."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.tenants.imports.delimiters import CHOICES, detect, read_hint


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("email,name\na@b.com,Ann\n", ","),
        ("email;name;amount\na@b.com;Ann;1,5\nc@d.com;Bob;2,5\n", ";"),
        ("email\tname\na@b.com\tLee, Ann\nc@d.com\tBob\n", "\t"),
        ("email|name\na@b.com|Ann\n", "|"),
        ("a@b.com\nc@d.com\n", ","),
        ("email\na@b.com\nc@d.com\n", ","),
        ("", ","),
        ('"e;mail",name\n"a@b.com",";;;;"\n', ","),
        ("My list\nemail;name\na@b.com;Ann\nc@d.com;Bob\n", ";"),
        ('email;address\na@b.com;"1, High Street, Town"\nc@d.com;"2, Low Road, Town"\n', ";"),
    ],
)
def test_detected(text, delimiter):
    """The separator of the usual exports, and of plain lists of addresses, is found."""
    assert detect(text.splitlines(keepends=True)) == delimiter


@pytest.mark.parametrize(("line", "hint"), [("sep=;\r\n", ";"), ('"sep=\t"\n', "\t"), ("SEP=|", "|"), ("sep=x", None), ("email", None)])
def test_hint(line, hint):
    """The line with which spreadsheet programs name the separator is read."""
    assert read_hint(line) == hint


@given(
    st.lists(st.lists(st.text("abc@. ", min_size=1, max_size=8), min_size=3, max_size=3), min_size=2, max_size=8), st.sampled_from(CHOICES)
)
def test_whatever_was_written_is_found(rows, delimiter):
    """A file written with a separator is read with it."""
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows(rows)
    assert detect(buffer.getvalue().splitlines(keepends=True)) == delimiter


@given(st.lists(st.text(max_size=40), max_size=20))
def test_never_raises(lines):
    """Any lines get some separator."""
    assert detect(lines) in CHOICES
