"""Grades follow from shares over a minimum of mail; a person's word is needed from held on."""

from datetime import UTC, datetime

import pytest

from posthouse.sending.standing.rules import Figures, Grade, Limit, Measure, Verdict, after, bucket, defaults, judge, strictest

MAILS, LIMITS = defaults()


def _judge(**figures):
    return judge({"day": Figures(**figures)}, LIMITS, mails=MAILS)


@pytest.mark.parametrize(
    ("complaints", "grade"), [(0, "WELL"), (9, "WELL"), (10, "WARNED"), (30, "SLOWED"), (50, "HELD"), (99, "HELD"), (100, "SUSPENDED")]
)
def test_complaints_of_ten_thousand(complaints, grade):
    """0.1 % warns, 0.3 % slows, 0.5 % holds, 1 % suspends."""
    assert _judge(sent=10_000, complaints=complaints).grade is Grade[grade]


@pytest.mark.parametrize(("bounces", "grade"), [(199, "WELL"), (200, "WARNED"), (500, "SLOWED"), (1_000, "HELD"), (2_000, "SUSPENDED")])
def test_bounces_of_ten_thousand(bounces, grade):
    """2 % warns, 5 % slows, 10 % holds, 20 % suspends."""
    assert _judge(sent=10_000, bounces=bounces).grade is Grade[grade]


def test_little_mail_says_nothing():
    """Below the minimum of messages or of events a share means nothing."""
    assert _judge(sent=MAILS - 1, complaints=MAILS - 1).grade is Grade.WELL
    assert _judge(sent=MAILS, complaints=1).grade is Grade.WELL
    assert _judge(sent=1_000, complaints=20).grade is Grade.HELD  # 2 %, but fewer than 21


def test_the_worst_window_and_measure_is_named():
    """A person must see what it was."""
    windows = {"day": Figures(sent=1_000, bounces=60), "week": Figures(sent=100_000, bounces=60, complaints=600)}
    found = judge(windows, LIMITS, mails=MAILS)
    assert found == Verdict(grade=Grade.HELD, measure=Measure.COMPLAINTS, window="week", events=600, sent=100_000, share=6_000)


def test_a_reseller_can_only_be_stricter():
    """The operator's share replaces the default in both directions, a reseller's only downwards."""
    key = (Measure.COMPLAINTS, Grade.HELD)
    assert strictest({key: 8_000}, {key: 9_000})[key] == Limit(8_000, LIMITS[key].events)
    assert strictest({key: 8_000}, {key: 2_000})[key].share == 2_000
    assert strictest({}, {key: 6_000})[key].share == 5_000


def test_from_held_on_only_a_person_mends():
    """Warned and slowed follow the figures both ways."""
    assert after(Grade.SLOWED, Grade.WELL) is Grade.WELL
    assert after(Grade.WARNED, Grade.HELD) is Grade.HELD
    assert after(Grade.HELD, Grade.WELL) is Grade.HELD
    assert after(Grade.HELD, Grade.SUSPENDED) is Grade.SUSPENDED
    assert after(Grade.SUSPENDED, Grade.HELD) is Grade.SUSPENDED


def test_a_bucket_is_ten_minutes():
    """The beginning of the ten minutes."""
    assert bucket(datetime(2026, 1, 2, 3, 49, 59, 9, tzinfo=UTC)) == datetime(2026, 1, 2, 3, 40, tzinfo=UTC)
