"""Of an event's body only its outside is believed, and any body is read or refused."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.billing.gateway.envelope import KINDS, Unreadable, ignored_because, read


def body(about, **more):
    return json.dumps(
        {"id": "evt_1", "object": "event", "type": "invoice.paid", "livemode": False, "data": {"object": about}, **more}
    ).encode()


@pytest.mark.parametrize(
    ("about", "customer"),
    [
        ({"object": "invoice", "customer": "cus_1"}, "cus_1"),
        ({"object": "invoice", "customer": {"id": "cus_2", "object": "customer"}}, "cus_2"),
        ({"object": "customer", "id": "cus_3"}, "cus_3"),
        ({"object": "invoice", "customer": None}, None),
        ({"object": "invoice", "customer": ["cus_1"]}, None),
        ({"object": "invoice", "metadata": {"customer": "cus_forged"}}, None),
        ({"object": "invoice", "customer": "sub_1"}, None),
        (None, None),
    ],
)
def test_whom_an_event_is_about(about, customer):
    """The customer stands in one place; metadata is never looked at."""
    assert read(body(about)).customer == customer


def test_what_is_acted_upon():
    """The account's own events and those of it as a connected account count; others don't."""
    mine = read(body({"customer": "cus_1"}))
    named = read(body({"customer": "cus_1"}, account="acct_1"))
    for envelope in (mine, named):
        assert ignored_because(envelope, stripe_account="acct_1", livemode=False) is None
    assert ignored_because(named, stripe_account="acct_2", livemode=False) == "other_account"
    assert ignored_because(mine, stripe_account="acct_1", livemode=True) == "other_mode"
    assert sorted(set(KINDS)) == KINDS


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=8
)


@given(st.binary(max_size=50) | st.builds(lambda found: json.dumps(found).encode(), json_values) | st.builds(body, json_values))
def test_any_body_is_read_or_refused(raw):
    """No body makes the reader fail in another way."""
    with contextlib.suppress(Unreadable):
        assert read(raw).event_id
