"""Windows are calendar periods in UTC; the strictest binds."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from posthouse.tenants.quotas.rules import Layer, Period, Window, grant, window_end, window_start

_FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_INSTANT = st.timedeltas(timedelta(), timedelta(days=2_200)).map(lambda gone: _FIRST + gone)


@given(_INSTANT, st.sampled_from(list(Period)))
def test_every_instant_lies_in_one_window(at, period):
    """Windows follow each other without gap or overlap, over month ends and leap days."""
    start = window_start(period, at)
    end = window_end(period, start)
    assert start <= at < end
    assert window_start(period, end) == end
    assert window_start(period, end - timedelta(microseconds=1)) == start


_WINDOW = st.builds(
    Window,
    st.sampled_from(list(Layer)),
    st.sampled_from(list(Period)),
    st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    st.none() | st.integers(0, 50),
    st.integers(0, 30),
    st.integers(0, 30),
)


@given(st.integers(0, 60), st.lists(_WINDOW, max_size=9))
def test_a_grant_fits_every_window(wanted, windows):
    """Never more than wanted, never more than any window leaves, and as much as all leave; who gave less is named."""
    given_ = grant(wanted, windows)
    rest = [window.remaining for window in windows if window.remaining is not None]
    assert given_.amount == min([wanted, *rest])
    assert (given_.binding is not None) == (given_.amount < wanted)
    if given_.binding is not None:
        tight = [window for window in windows if window.remaining == given_.amount]
        assert given_.binding.resumes_at == max(window.resets_at for window in tight)
