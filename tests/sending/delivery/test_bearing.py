"""A server that bears fewer connections than a route may have gets fewer, and one more is tried now and then."""

import pytest

from posthouse.platform import clock
from posthouse.sending.delivery.bearing import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Bearing


def test_nothing_is_held_back_before_the_first_refusal():
    """As many as the route may have."""
    assert Bearing().limit(10) == 10


@pytest.fixture
def passing(monkeypatch):
    """Let so many seconds pass."""
    at = [1_000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: at[0])

    def move(seconds):
        at[0] += seconds

    return move


def test_a_refusal_keeps_to_what_was_open_and_one_more_is_tried_later(passing):
    """The pause doubles with each refused try, up to ten minutes; several refused at once count as one."""
    known = Bearing()
    known.refused(4)
    known.refused(3)
    assert known.limit(10) == 3
    passing(FIRST_PAUSE_SECONDS)
    assert known.limit(10) == 4
    known.refused(3)
    passing(FIRST_PAUSE_SECONDS)
    assert known.limit(10) == 3
    passing(FIRST_PAUSE_SECONDS)
    assert known.limit(10) == 4
    for _ in range(20):
        known.refused(0)
        passing(known.pause_seconds)
    known.refused(0)
    assert (known.limit(10), known.pause_seconds) == (1, LONGEST_PAUSE_SECONDS)


def test_what_is_borne_again_is_used_again(passing):
    """Each that is let in brings the next try nearer, and never more than the route may have."""
    known = Bearing()
    known.refused(2)
    for number in range(3, 6):
        passing(FIRST_PAUSE_SECONDS)
        assert known.limit(10) == number
        known.accepted(number)
    assert known.limit(4) == 4
