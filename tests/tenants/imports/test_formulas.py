"""Cells that a spreadsheet program would run (row 32 of the bad inputs)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.tenants.imports.formulas import guard, unguard


@pytest.mark.parametrize("cell", ['=HYPERLINK("http://x")', "@SUM(1)", "+1", "-1", "\t=1", "\r=1", "\0x", "'=1", "''@x", "＝1"])
def test_row_32_guarded(cell):
    """A formula gets an apostrophe before it and loses it again."""
    assert guard(cell) == f"'{cell}"
    assert unguard(guard(cell)) == cell


@pytest.mark.parametrize("cell", ["", "Ann", "'t Hart", "'", "a=1", " =1"])
def test_others_stay(cell):
    """What is no formula is left alone, in both directions."""
    assert guard(cell) == cell
    assert unguard(cell) == cell


@given(st.text(max_size=20) | st.text("'=+-@\t\r\0a", max_size=6))
def test_round_trip(cell):
    """What goes out comes back."""
    assert unguard(guard(cell)) == cell
    assert guard(cell)[:1] not in tuple("=+-@\t\r\0＝＋－＠")
