"""A lease is a few seconds of work: large where a pool is fast, small where it is slow."""

import pytest

from posthouse.sending.delivery.sizing import LEASE_SECONDS, LEAST, MOST, TELLING, USUAL, Sizes, lease_size


@pytest.mark.parametrize(
    ("messages", "seconds", "next_one"),
    [(400, 0.4, MOST), (400, 10.0, 200), (800, 5.0, MOST), (100, 60.0, LEAST), (400, 0.0, MOST), (400, LEASE_SECONDS, 400)],
)
def test_the_next_lease_takes_a_few_seconds(messages, seconds, next_one):
    assert lease_size(messages, seconds) == next_one


def test_each_pool_has_its_own_and_a_handful_says_nothing():
    sizes = Sizes()
    assert sizes.of(None) == sizes.of(7) == USUAL
    sizes.note(7, messages=60, seconds=60.0)
    sizes.note(8, messages=TELLING - 1, seconds=600.0)
    assert (sizes.of(7), sizes.of(8), sizes.of(None)) == (LEAST, USUAL, USUAL)
