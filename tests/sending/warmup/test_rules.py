"""Stages follow from what was sent; shares add up and never pass what a stage has left."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posthouse.platform.errors import Invalid
from posthouse.sending.warmup.rules import Stage, allot, is_quiet, next_stage, plans, read_stages, shares, tomorrow

SPARKPOST = plans()["sparkpost"].stages


def test_a_month_by_the_published_stages():
    """Sending all that is allowed passes a stage a day; after the last the route is warm."""
    stage, seen = next_stage(SPARKPOST, None, 0), []
    while stage.allowed is not None:
        seen.append(stage.allowed)
        stage = next_stage(SPARKPOST, stage, stage.allowed)
    assert tuple(seen) == SPARKPOST
    assert (len(SPARKPOST), SPARKPOST[0], SPARKPOST[27], SPARKPOST[-1]) == (29, 200, 7_500_000, 10_000_000)


@pytest.mark.parametrize(("used", "number"), [(0, 3), (1_799, 3), (1_800, 4), (2_000, 4)])
def test_a_stage_is_passed_by_nine_tenths(used, number):
    """Less keeps it where it is."""
    assert next_stage(SPARKPOST, Stage(3, 2_000), used).number == number


def test_own_plans_are_read():
    """Any usual way of writing numbers down; nonsense is refused."""
    assert read_stages("200, 500\n1000 1_500") == (200, 500, 1_000, 1_500)
    for wrong in ("", "a", "0", "5 3", "1.5", "-1", " ".join(["1"] * 101), "1" * 10):
        with pytest.raises(Invalid):
            read_stages(wrong)


def test_the_end_of_the_day_is_quiet():
    """What is claimed may still leave for a while, and no day's mail leaves on the next."""
    assert is_quiet(datetime(2026, 3, 1, 23, 58, 1, tzinfo=UTC))
    assert not is_quiet(datetime(2026, 3, 1, 23, 57, 59, tzinfo=UTC))
    assert tomorrow(datetime(2026, 2, 28, tzinfo=UTC).date()) == datetime(2026, 3, 1, tzinfo=UTC)


_ROUTES = st.dictionaries(st.integers(1, 9), st.tuples(st.integers(1, 9), st.none() | st.integers(0, 300)), min_size=1, max_size=4)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.integers(0, 200), _ROUTES, st.integers(0, 9))
def test_nobody_gets_more_than_is_there(count, routes, beside):
    """Neither more than the messages, nor more than a stage has left; what no route can take is left over only when all are full."""
    weights = {route: weight for route, (weight, _) in routes.items()}
    left = {route: most for route, (_, most) in routes.items()}
    made = allot(count, left, weights, beside)
    assert sum(made.values()) <= count
    assert all(0 <= made[route] <= (count if most is None else most) for route, most in left.items())
    assert sum(shares(count, weights, beside).values()) <= count
    if not beside:
        assert sum(made.values()) == min(count, sum(count if most is None else most for most in left.values()))
