"""A row becomes a contact or a refusal, never both, never nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.tenants.contacts.rules import FieldKind
from posthouse.tenants.imports.reader import Broken, Row
from posthouse.tenants.imports.rows import Converter, Mapping, Ready, Refused, Target, mapping_refusal

MAPPING = Mapping(
    columns=(
        Target("E-Mail", "email"),
        Target("Name", "name"),
        Target("Points", "points", FieldKind.NUMBER),
        Target("Notes", "ignore"),
        Target("Status", "status"),
        Target("Tier", "tier", FieldKind.CHOICE, ("gold", "silver")),
    )
)


def convert(*cells):
    return Converter(MAPPING)(Row(7, list(cells)))


def test_whole_row():
    """Every mapped cell is read by its kind; what is left out is left out; blanks are no values."""
    ready = convert("Ann@B.com", "Ann", "12,5", "x", "Cleaned", "GOLD", "", " ")
    assert isinstance(ready, Ready)
    assert (ready.line, ready.address.norm, ready.fields, ready.status) == (
        7,
        "ann@b.com",
        {"name": "Ann", "points": 12.5, "tier": "gold"},
        "bounced",
    )
    assert convert("ann@b.com", "", " ").fields == {}


def test_short_row():
    """Cells that are missing at the end are blank."""
    ready = convert("ann@b.com")
    assert isinstance(ready, Ready)
    assert (ready.fields, ready.status) == ({}, None)


@pytest.mark.parametrize(
    ("cells", "code", "column"),
    [
        (["nobody"], "address_without_at", "E-Mail"),
        (["", "Ann"], "address_empty", "E-Mail"),
        (["a@b.com", "Ann", "many"], "number_malformed", "Points"),
        (["a@b.com", "A\ufffdn"], "cell_unreadable", "Name"),
        (["a@b.com", "a\0b"], "text_control_character", "Name"),
        (["a@b.com", "Ann", "1", "", "who knows"], "status_unknown", "Status"),
        (["a@b.com", "Ann", "1", "", "", "iron"], "choice_unknown", "Tier"),
        (["a@b.com", "Ann", "1", "", "", "gold", "more"], "row_too_many_cells", ""),
    ],
)
def test_refused_with_the_column(cells, code, column):
    """A refusal names the column, keeps the row as it came, and stores nothing of it."""
    refused = convert(*cells)
    assert isinstance(refused, Refused)
    assert (refused.line, refused.code, refused.column, refused.cells) == (7, code, column, cells)


@pytest.mark.parametrize("cell", ["=HYPERLINK(1)", "@SUM(1)", "\t=1", "-5"])
def test_row_32_formulas_are_stored_as_they_are(cell):
    """A formula is a text; the apostrophe of a guarded one is taken off."""
    assert convert("a@b.com", cell).fields["name"] == cell
    assert convert("a@b.com", f"'{cell}").fields["name"] == cell


def test_broken():
    """A row that could not be read is a refusal with what was seen of it."""
    assert Converter(MAPPING)(Broken(3, "row_quote_open", "Why.", "a,b")) == Refused(3, "row_quote_open", "Why.", ["a,b"])


@given(st.lists(st.text(max_size=30), max_size=9))
def test_never_raises(cells):
    """Any cells are a contact or a refusal."""
    assert isinstance(convert(*cells), Ready | Refused)


@pytest.mark.parametrize(
    ("targets", "code"),
    [
        (["name"], "mapping_needs_one_address"),
        (["email", "email"], "mapping_needs_one_address"),
        ([], "mapping_needs_one_address"),
        (["email", "name", "name"], "mapping_target_twice"),
        (["email", "tenant_id"], "field_key_reserved"),
        (["email", "email_norm"], "field_key_reserved"),
        (["email", "Bad Key"], "field_key_malformed"),
    ],
)
def test_row_37_wrong_mappings(targets, code):
    """A mapping without one address, with a target twice, or onto a column of the system is refused."""
    refusal = mapping_refusal(Mapping(columns=tuple(Target(target, target) for target in targets)))
    assert refusal is not None
    assert refusal.code == code


def test_right_mapping():
    """The usual mapping is fine, with several columns left out."""
    assert mapping_refusal(MAPPING) is None
    assert mapping_refusal(Mapping(columns=(Target("a", "email"), Target("b", "ignore"), Target("c", "ignore")))) is None
