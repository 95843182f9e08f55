"""A forecast is what a run that is played message by message comes to."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.sending.forecast.meters import Calendar
from posthouse.sending.forecast.rules import Exit, Limit, Neighbour, forecast

NOW = datetime(2026, 3, 10, 9, 20, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def _forecast(waiting, per_second, *, weight=1.0, limits=(), neighbours=()):
    one = Exit(waiting=waiting, per_second=per_second, neighbours=neighbours)
    return forecast(now=NOW, exits=[one], weight=weight, limits=limits)


def _limit(name, left, size, length):
    resets = NOW.replace(minute=0) + HOUR if length is HOUR else NOW.replace(hour=0, minute=0) + DAY
    return Limit(name, Calendar(left, size, (resets - NOW).total_seconds(), lambda begun: begun + length.total_seconds()))


def _played(waiting, per_second, weight, neighbours, limits):
    """Play it in slices of a second, by turns of the heaviest claim: another way to the same answer."""
    now, ours, others = NOW, float(waiting), [[one.weight, float(one.waiting)] for one in neighbours]
    windows = [[one.meter.left, NOW + timedelta(seconds=one.meter.resets_at), one.meter] for one in limits]
    while ours > 1e-6 and now < NOW + timedelta(days=30):
        for window in windows:
            if window[1] <= now:
                begun = (window[1] - NOW).total_seconds()
                window[0], window[1] = window[2].size, NOW + timedelta(seconds=window[2].following(begun))
        room = per_second
        free = min((window[0] for window in windows), default=float("inf"))
        while room > 1e-6:
            claims = [one for one in others if one[1] > 1e-9]
            mine = weight if ours > 1e-6 and free > 1e-6 else 0.0
            total = mine + sum(one[0] for one in claims)
            if not total:
                break
            give = room
            taken = min(give * mine / total, ours, free)
            ours, free, room = ours - taken, free - taken, room - taken
            for window in windows:
                window[0] -= taken
            for one in claims:
                part = min(give * one[0] / total, one[1])
                one[1] -= part
                room -= part
        now += timedelta(seconds=1)
    return now


def test_alone_in_a_pool():
    """Nothing binds: messages by seconds."""
    assert _forecast(600, 10).done_at == NOW + timedelta(seconds=60)


def test_a_neighbour_takes_its_share_until_it_is_done():
    """Half the pool until the neighbour's 100 are gone, then all of it."""
    found = _forecast(600, 10, neighbours=[Neighbour(1, 100)])
    assert found.done_at == NOW + timedelta(seconds=70)


def test_weights_share_the_pool():
    """Three parts of four with three times the weight."""
    found = _forecast(300, 4, weight=3, neighbours=[Neighbour(1, 1_000)])
    assert found.done_at == NOW + timedelta(seconds=100)


def test_a_limit_holds_the_rest_and_is_named():
    """100 now, 100 from ten o'clock on; in between the limit's name and both instants."""
    found = _forecast(200, 10, limits=[_limit("hour", 100, 1_000, HOUR)])
    ten = NOW.replace(hour=10, minute=0)
    assert found.waits == (("hour", NOW + timedelta(seconds=10), ten),)
    assert found.done_at == ten + timedelta(seconds=10)


def test_the_stricter_of_two_limits_holds():
    """The day's limit holds over the hours' windows; it is one wait, not fifteen."""
    limits = [_limit("hour", 100, 100, HOUR), _limit("day", 150, 1_000, DAY)]
    found = _forecast(200, 10, limits=limits)
    assert [name for name, *_ in found.waits] == ["hour", "day"]
    assert found.done_at == NOW.replace(hour=0, minute=0) + DAY + timedelta(seconds=5)


def test_a_limit_of_nothing_never_ends():
    """No instant is made up where there is none."""
    found = _forecast(1, 10, limits=[_limit("day", 0, 0, DAY)])
    assert found.done_at is None


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    waiting=st.integers(1, 20_000),
    per_second=st.floats(1, 60),
    weight=st.integers(1, 5),
    neighbours=st.lists(st.builds(Neighbour, st.integers(1, 5), st.integers(1, 20_000)), max_size=4),
    hour=st.one_of(st.none(), st.tuples(st.integers(0, 5_000), st.integers(2_000, 9_000))),
    day=st.one_of(st.none(), st.tuples(st.integers(0, 9_000), st.integers(9_000, 30_000))),
)
def test_a_forecast_is_within_15_percent_of_a_played_run(waiting, per_second, weight, neighbours, hour, day):
    """Any mix of neighbours, weights and limits: the instant is that of the played run, to 15 percent or a few seconds."""
    limits = [_limit("hour", *hour, HOUR)] if hour else []
    limits += [_limit("day", *day, DAY)] if day else []
    played = (_played(waiting, per_second, weight, neighbours, limits) - NOW).total_seconds()
    found = _forecast(waiting, per_second, weight=weight, neighbours=neighbours, limits=limits)
    assert found.done_at is not None
    assert (found.done_at - NOW).total_seconds() == pytest.approx(played, rel=0.15, abs=5)
