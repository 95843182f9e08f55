"""Connections are shared so that nobody has more than there are, single messages go first, and all workers agree."""

from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.sending.rates.sharing import FIRST, KEPT, Claim, excess, share

_KEPT = Claim(KEPT, FIRST, 0, 0)
_claim = st.builds(Claim, st.sampled_from("abcdef"), st.sampled_from([FIRST, "marketing"]), st.integers(0, 6), st.integers(0, 12))
_claims = st.lists(_claim, max_size=6, unique_by=lambda one: one.worker)


def _m(worker, held, wanted):
    return Claim(worker, "marketing", held, wanted)


def _t(worker, held, wanted):
    return Claim(worker, FIRST, held, wanted)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 12), _claims, st.booleans(), st.none() | st.integers(0, 5))
def test_nobody_gets_more_than_there_are_or_than_is_wanted(limit, claims, kept, turn):
    """All of it is given as long as somebody wants it, and the order of reading changes nothing."""
    known = [*claims, _KEPT] if kept else claims
    shares = share(limit, known, turn=turn)
    assert shares == share(limit, known[::-1], turn=turn)
    assert sum(shares.values()) <= limit
    assert all(shares[one.worker] <= one.wanted for one in claims)
    if sum(one.wanted for one in claims) >= limit:
        assert sum(shares.values()) == limit
    for one in claims:
        assert 0 <= excess(limit, known, one.worker, turn=turn) <= one.held


def test_single_messages_get_the_first_campaigns_the_second():
    """Afterwards everybody gets one in turn."""
    assert share(1, [_m("a", 1, 9), _t("t", 0, 1)]) == {"a": 0, "t": 1}
    assert share(2, [_m("a", 2, 9), _t("t", 0, 1), _t("u", 0, 1)]) == {"a": 1, "t": 1, "u": 0}
    assert share(10, [_m("a", 9, 9), _m("b", 0, 9), _t("t", 0, 1)]) == {"a": 5, "b": 4, "t": 1}


def test_one_is_left_to_single_messages_where_they_come_now_and_then():
    """Of two at least; where one of theirs has it, no further one is."""
    assert share(10, [_m("a", 0, 20), _KEPT])["a"] == 9
    assert share(10, [_m("a", 0, 20), _t("t", 1, 1), _KEPT])["a"] == 9
    assert share(1, [_m("a", 0, 20), _KEPT])["a"] == 1
    assert share(10, [_m("a", 0, 20)])["a"] == 10


def test_who_has_one_keeps_it_unless_turns_are_taken():
    """A route's own connections stay where they are; those for one provider's recipients go round."""
    claims = [_m("a", 0, 3), _m("b", 1, 3)]
    assert share(1, claims) == {"a": 0, "b": 1}
    found = {max(shares, key=shares.get) for shares in (share(1, claims, turn=turn) for turn in range(20))}
    assert found == {"a", "b"}


def test_room_is_made_only_for_who_has_more_right_to_it():
    """Nobody gives up what others don't want, or what is free anyway."""
    assert excess(4, [_m("a", 4, 4), _m("b", 0, 4)], "a") == 2
    assert excess(4, [_m("a", 4, 1), _m("b", 0, 1)], "a") == 1
    assert excess(4, [_m("a", 3, 1), _m("b", 0, 1)], "a") == 0
    assert excess(4, [_m("a", 4, 1)], "a") == 0
    assert excess(4, [_m("a", 4, 9), _KEPT], "a") == 1
    assert excess(4, [_m("a", 3, 9), _t("t", 1, 0), _KEPT], "a") == 0
