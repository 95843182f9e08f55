"""Values of typed fields."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.tenants.contacts.rules import DateOrder, FieldKind, ValueRefused, key_refusal, parse_value

TAKEN = [
    (FieldKind.TEXT, " Ann ", " Ann "),
    (FieldKind.TEXT, "\t=1+1", "\t=1+1"),
    (FieldKind.TEXT, "two\r\nlines", "two\r\nlines"),
    (FieldKind.NUMBER, " 1234 ", 1234),
    (FieldKind.NUMBER, "-12.50", -12.5),
    (FieldKind.NUMBER, "12,5", 12.5),
    (FieldKind.NUMBER, "1.234,56", 1234.56),
    (FieldKind.NUMBER, "1,234.56", 1234.56),
    (FieldKind.NUMBER, "1 234 567,8", 1234567.8),
    (FieldKind.NUMBER, "1.234.567", 1234567),
    (FieldKind.NUMBER, "1'234.5", 1234.5),
    (FieldKind.BOOLEAN, "Yes", True),
    (FieldKind.BOOLEAN, "nein", False),
    (FieldKind.BOOLEAN, "0", False),
    (FieldKind.DATE, "2026-02-28", "2026-02-28"),
    (FieldKind.DATE, "28.2.2026", "2026-02-28"),
    (FieldKind.DATE, "28/02/2026", "2026-02-28"),
    (FieldKind.DATE, "02/28/2026", "2026-02-28"),
    (FieldKind.DATE, "5/5/2026", "2026-05-05"),
    (FieldKind.DATETIME, "2026-12-31 18:30", "2026-12-31T18:30:00Z"),
    (FieldKind.DATETIME, "2026-12-31T18:30:00+01:00", "2026-12-31T17:30:00Z"),
    (FieldKind.DATETIME, "31.12.2026", "2026-12-31T00:00:00Z"),
    (FieldKind.DATETIME, "2026-12-31T18:30:00Z", "2026-12-31T18:30:00Z"),
    (FieldKind.URL, "https://company.com/a?b=c#d", "https://company.com/a?b=c#d"),
    (FieldKind.CHOICE, " GOLD ", "gold"),
]

REFUSED = [
    (FieldKind.TEXT, "a\0b", "text_control_character"),
    (FieldKind.TEXT, "a\ud800", "text_control_character"),
    (FieldKind.TEXT, "a\x85b", "text_control_character"),
    (FieldKind.TEXT, "x" * 2001, "text_too_long"),
    (FieldKind.NUMBER, "1,234", "number_ambiguous"),
    (FieldKind.NUMBER, "NaN", "number_malformed"),
    (FieldKind.NUMBER, "1e999", "number_malformed"),
    (FieldKind.NUMBER, "١٢", "number_malformed"),
    (FieldKind.NUMBER, "9" * 400, "number_too_long"),
    (FieldKind.BOOLEAN, "perhaps", "boolean_malformed"),
    (FieldKind.DATE, "03/04/2026", "date_ambiguous"),
    (FieldKind.DATE, "30.02.2026", "date_impossible"),
    (FieldKind.DATE, "0000-01-01", "date_impossible"),
    (FieldKind.DATE, "0999-01-01", "date_malformed"),
    (FieldKind.DATE, "soon", "date_malformed"),
    (FieldKind.DATETIME, "2026-12-31 25:00", "datetime_malformed"),
    (FieldKind.DATETIME, "9999-12-31T23:59:59-23:00", "datetime_malformed"),
    (FieldKind.URL, "javascript:alert(1)", "url_malformed"),
    (FieldKind.URL, "https://good.com@evil.com/", "url_malformed"),
    (FieldKind.URL, "https://", "url_malformed"),
    (FieldKind.URL, "http://[", "url_malformed"),
    (FieldKind.URL, "https://a.com/\r\nX: y", "url_malformed"),
    (FieldKind.CHOICE, "bronze", "choice_unknown"),
]


@pytest.mark.parametrize(("kind", "text", "value"), TAKEN)
def test_taken(kind, text, value):
    """A value is read in the forms in which people and products write it."""
    found = parse_value(text, kind=kind, choices=("gold", "silver"))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("kind", "text", "code"), REFUSED, ids=lambda value: ascii(value)[:30])
def test_refused(kind, text, code):
    """A wrong value is refused with its own code."""
    found = parse_value(text, kind=kind, choices=("gold", "silver"))
    assert isinstance(found, ValueRefused)
    assert found.code == code


def test_date_order():
    """A date that can be read both ways is read as the file's owner says."""
    assert parse_value("03/04/2026", kind=FieldKind.DATE, order=DateOrder.DAY_FIRST) == "2026-04-03"
    assert parse_value("03/04/2026", kind=FieldKind.DATE, order=DateOrder.MONTH_FIRST) == "2026-03-04"


@given(st.text(max_size=60), st.sampled_from(FieldKind), st.sampled_from(DateOrder))
def test_never_raises_and_reads_its_own_output(text, kind, order):
    """Whatever the text: a value that JSON and the same reader take again, a refusal, or nothing for a blank."""
    found = parse_value(text, kind=kind, choices=("a", "b"), order=order)
    if found is None or isinstance(found, ValueRefused):
        return
    assert json.loads(json.dumps(found)) == found
    if not isinstance(found, float | bool):
        assert parse_value(str(found), kind=kind, choices=("a", "b")) == found


@pytest.mark.parametrize("key", ["tenant_id", "id", "email_norm", "Email", "a b", "", "1st", "x" * 41, "é", "__proto__"])
def test_row_37_field_keys_of_the_system_are_refused(key):
    """No field can be called like a column of the system, or so that it could not be written in a template."""
    assert key_refusal(key) is not None


def test_field_key():
    """An ordinary key is fine."""
    assert key_refusal("first_name") is None
