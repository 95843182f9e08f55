"""Stripe's form encoding is read back exactly; what is malformed is refused with 400, never half read."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe._encode import _api_encode

from posthouse.billing.double.form import MAX_PAIRS, parse
from posthouse.billing.double.problems import Problem

names = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
values = st.recursive(
    st.text(max_size=10),
    lambda inner: st.lists(inner, min_size=1, max_size=4) | st.dictionaries(names, inner, min_size=1, max_size=4),
    max_leaves=12,
)


def depth(value) -> int:
    if isinstance(value, dict):
        return 1 + max(depth(item) for item in value.values())
    return 1 + max(depth(item) for item in value) if isinstance(value, list) else 0


@given(st.dictionaries(names, values, max_size=5).filter(lambda found: not found or depth(found) <= 8))
def test_what_the_sdk_encodes_is_read_back(params):
    """The real SDK's own encoder is the measure: any nesting of objects, lists and texts comes back as it was."""
    assert parse(_api_encode(params)) == params


def test_both_ways_to_write_a_list():
    """Lists come numbered, in any order, or appended."""
    assert parse([("a[1]", "y"), ("a[0]", "x")]) == {"a": ["x", "y"]}
    assert parse([("a[]", "x"), ("a[]", "y")]) == {"a": ["x", "y"]}
    assert parse([("a[5]", "x")]) == {"a": {"5": "x"}}


@pytest.mark.parametrize(
    "pairs",
    [
        [("", "x")],
        [("[a]", "x")],
        [("a[b", "x")],
        [("a]b", "x")],
        [("a[b]c", "x")],
        [("a[][b]", "x")],
        [("a[[b]]", "x")],
        [("a", "x"), ("a", "y")],
        [("a", "x"), ("a[b]", "y")],
        [("a[b]", "x"), ("a", "y")],
        [("a" + "[b]" * 8, "x")],
        [("ä", "x")],
        [("a\n", "x")],
        [(f"a{number}", "x") for number in range(MAX_PAIRS + 1)],
    ],
)
def test_malformed_keys_are_refused(pairs):
    """A key that is empty, unbalanced, too deep, repeated or two things at once is a 400 in Stripe's shape."""
    with pytest.raises(Problem) as refused:
        parse(pairs)
    assert refused.value.status == 400
    assert refused.value.error["type"] == "invalid_request_error"


@given(st.lists(st.tuples(st.text(alphabet="ab[]0.", max_size=12), st.text(max_size=3)), max_size=6))
def test_any_pairs_are_read_or_refused(pairs):
    """No key makes the reader fail in another way."""
    with contextlib.suppress(Problem):
        assert isinstance(parse(pairs), dict)
