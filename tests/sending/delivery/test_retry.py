"""Deferred messages come back with growing gaps, as the server asked, and not after their horizon."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.sending.delivery import retry

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4.7.1 Greylisted, please try again in 300 seconds", 300),
        ("Try again in 5 minutes", 300),
        ("please retry after 2 hours", 7200),
        ("Temporarily deferred, wait 90s", 90),
        ("try again in 1 second", retry.HINT_LEAST_SECONDS),
        ("try again in 99999 hours", retry.HINT_MOST_SECONDS),
        ("Recipient address rejected: Greylisted", retry.GREYLIST_SECONDS),
        ("4.7.1 Greylisting in action, please come back in 00:04:59", 299),
        ("retry after 120", 120),
        ("4.7.0 Try again later, closing connection. (EHLO) 98-20020a05600c", None),
        ("Please try again later. See RFC 5321 or 192.0.2.1", None),
        ("try again later [3]", None),
        ("mailbox full", None),
        ("try again later", None),
        ("", None),
    ],
)
def test_hints_are_read(text, seconds):
    """A figure with a unit counts; anything else is no hint."""
    assert retry.hint_seconds(text) == seconds


@given(st.integers(1, 50), st.integers(0, 2**62))
def test_gaps_grow_and_are_bounded(deferrals, message_id):
    """Each gap is at least its step, at most a spread above it, and the same when asked again."""
    gap = retry.gap_seconds(deferrals, message_id)
    base = retry.GAPS_SECONDS[min(deferrals, len(retry.GAPS_SECONDS)) - 1]
    assert base <= gap <= base * (1 + retry.SPREAD)
    assert gap == retry.gap_seconds(deferrals, message_id)


@given(st.integers(1, 50), st.integers(0, 2**62), st.text(max_size=80), st.integers(1, 10**6))
def test_never_after_the_horizon(deferrals, message_id, text, left):
    """Whatever a server says, the next try lies in the future and before the end, or there is none."""
    expires = NOW + timedelta(seconds=left)
    decision = retry.decide(now=NOW, deferrals=deferrals, message_id=message_id, text=text, expires_at=expires)
    if isinstance(decision, retry.Again):
        assert NOW < decision.at < expires


def test_a_message_is_tried_until_its_horizon_is_reached():
    """The schedule makes some 20 tries in 72 hours and then gives up."""
    now, tries, end = NOW, 0, NOW + retry.MARKETING_HORIZON
    while True:
        decision = retry.decide(now=now, deferrals=tries + 1, message_id=1, text="", expires_at=end)
        if isinstance(decision, retry.GiveUp):
            break
        now, tries = decision.at, tries + 1
    assert 12 <= tries <= 25
    assert now > end - timedelta(hours=1)


def test_a_server_that_always_asks_for_soon_is_not_asked_for_ever():
    """Who says "in 5 seconds" each time gets a few tries soon, then growing gaps: 72 hours of them would be 50,000 tries."""
    at, tries = NOW, 0
    while isinstance(
        again := retry.decide(
            now=at, deferrals=tries + 1, message_id=1, text="try again in 5 seconds", expires_at=NOW + retry.MARKETING_HORIZON
        ),
        retry.Again,
    ):
        at, tries = again.at, tries + 1
    assert tries < 40


def test_a_route_rests_longer_each_time():
    """From two seconds, doubling, to five minutes."""
    assert [retry.route_pause_seconds(n) for n in (1, 2, 3, 8, 9, 100)] == [2, 4, 8, 256, 300, 300]
