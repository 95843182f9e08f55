"""Times are written in the person's zone, else the account's, with the moment in UTC as a hint; also where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from posthouse.platform import clock
from posthouse.tenants.people.queries import Membership, UserCard
from posthouse.webui.edge import brands, formats, visit


@pytest.fixture
def see(app):
    """Make a visit of somebody whose account is in one zone, and who may have another."""

    def make(place="UTC", own=""):
        seen = visit.Visit(request_id="test", origin="", host="", brand=brands.neutral("Mail"))
        seen.user = UserCard(1, "a@example.com", "A", "en", disabled=False, timezone=own)
        seen.place = Membership("tenant", 1, 1, "owner", "A", "active", place)
        visit.begin(seen)

    with app.test_request_context("/"):
        yield make


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "moment", "shown"),
    [
        ("Europe/Berlin", at(2026, 1, 15, 12), "15 Jan 2026, 13:00"),
        ("Europe/Berlin", at(2026, 7, 15, 12), "15 Jul 2026, 14:00"),
        # 29 March 2026: 02:00 to 03:00 does not exist.
        ("Europe/Berlin", at(2026, 3, 29, 0, 59), "29 Mar 2026, 01:59"),
        ("Europe/Berlin", at(2026, 3, 29, 1, 0), "29 Mar 2026, 03:00"),
        # 25 October 2026: 02:00 to 03:00 comes twice, and is told apart.
        ("Europe/Berlin", at(2026, 10, 25, 0, 30), "25 Oct 2026, 02:30 CEST"),
        ("Europe/Berlin", at(2026, 10, 25, 1, 30), "25 Oct 2026, 02:30 CET"),
        ("Europe/Berlin", at(2026, 10, 25, 2, 30), "25 Oct 2026, 03:30"),
        ("America/New_York", at(2026, 11, 1, 5, 30), "1 Nov 2026, 01:30 EDT"),
        ("America/New_York", at(2026, 11, 1, 6, 30), "1 Nov 2026, 01:30 EST"),
        ("Australia/Lord_Howe", at(2026, 1, 1, 0, 0), "1 Jan 2026, 11:00"),
        ("Asia/Kathmandu", at(2026, 1, 1, 18, 15), "2 Jan 2026, 00:00"),
    ],
)
def test_a_moment_is_written_in_the_zone_of_the_account(see, zone, moment, shown):
    see(zone)
    assert f">{shown}</time>" in formats.when(moment)


def test_the_hint_and_the_machine_readable_time_are_utc(see):
    see("Asia/Kathmandu")
    text = formats.when(at(2026, 1, 1, 18, 15))
    assert 'title="1 Jan 2026, 18:15:00 UTC"' in text
    assert 'datetime="2026-01-01T18:15:00+00:00"' in text


def test_the_persons_own_zone_goes_before_the_accounts(see):
    see("Europe/Berlin", own="America/New_York")
    assert "07:00" in formats.when(at(2026, 1, 15, 12))


def test_a_zone_that_is_gone_is_utc(see):
    see("Mars/Olympus")
    assert "15 Jan 2026, 12:00" in formats.when(at(2026, 1, 15, 12))


def test_a_day_is_the_day_there_and_a_day_of_an_allowance_is_utcs(see):
    see("America/New_York")
    assert formats.day(at(2026, 3, 1, 2)) == "28 Feb 2026"
    assert formats.utc_day(at(2026, 3, 1, 0)) == "1 Mar 2026"


def test_how_long_ago_does_not_depend_on_clocks_being_put_back(see):
    see("Europe/Berlin")
    now = at(2026, 10, 25, 1, 30)
    with clock.frozen(now):
        text = formats.ago(now - timedelta(hours=1))
    assert ">1 hour ago</time>" in text
    assert "25 Oct 2026, 00:30:00 UTC" in text


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "–"), (999, "999 bytes"), (4_500, "4 KB"), (2_360_000, "2.4 MB"), (79_029_500_000, "79 GB")]
)
def test_sizes_have_the_unit_that_reads_best(value, shown):
    assert formats.size(value) == shown


def test_facts_of_the_audit_are_readable(see):
    see("Europe/Berlin")
    assert "13:00" in formats.fact("2026-01-15T12:00:00+00:00")
    assert formats.fact("2026-99-15T12:00:00+00:00") == "2026-99-15T12:00:00+00:00"
    assert formats.fact(["a", "b"]) == "a, b"
    assert formats.fact(None) == formats.fact([]) == "–"
    assert formats.fact("<b>") == "<b>"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("News", "News"),
        ("{{ contact.first_name | default: 'Hello' }}, it is here", "[first name], it is here"),
        ("{{-email}} {{ city }}", "[email] [city]"),
        ("{{ broken", "{{ broken"),
    ],
)
def test_a_subject_s_personal_parts_read_as_what_they_stand_for(written, shown):
    assert formats.subject_words(written) == shown


@pytest.mark.parametrize(
    ("by", "shown"),
    [
        ("tenant:month", "its own allowance for the month"),
        ("operator:hour", "the installation’s allowance for the hour"),
        ("slowed", "slowed"),
    ],
)
def test_what_holds_mail_is_named(by, shown):
    assert formats.limit_words(by) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(15, "15 seconds"), (60, "1 minute"), (3_600, "1 hour"), (86_400, "1 day")])
def test_how_often_work_is_done(seconds, shown):
    assert formats.span(seconds) == shown


@pytest.mark.parametrize(("value", "shown"), [(None, "–"), (1_954, "1,954"), (99_999, "99,999"), (1_234_567, "1.2M")])
def test_only_large_numbers_are_written_briefly(value, shown):
    assert formats.short(value) == shown
