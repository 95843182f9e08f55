"""From spool to effect: files go when their mail is kept, broken ones are set aside, and a mail that fails holds nobody up."""

from __future__ import annotations

from datetime import UTC, datetime

import letters
import pytest
import sqlalchemy as sa

from posthouse.inbound.mailroom.intake import ATTEMPTS, Intake
from posthouse.inbound.spool.files import Envelope
from posthouse.inbound.spool.queries import waiting
from posthouse.inbound.spool.services import prepare, store


@pytest.fixture
def intake(desk, tmp_path) -> Intake:
    prepare(tmp_path / "spool")
    return Intake(tmp_path / "spool", desk.mailroom)


def _put(intake, content, recipient):
    at = datetime(2026, 11, 25, tzinfo=UTC)
    return store(intake.spool, Envelope("", (recipient,), "192.0.2.1", "mx", "esmtp", at), content)


def test_the_spool_is_emptied_and_each_mail_has_its_effect(desk, intake) -> None:
    """Bounces of two tenants and one of nobody."""
    one, two = desk.send(desk.world.a1), desk.send(desk.world.b1)
    for sent in (one, two):
        _put(intake, letters.dsn(token=sent.token), f"{sent.token}@mail.example")
    _put(intake, b"Subject: hello\r\n\r\nhi", "postmaster@mail.example")
    assert intake.empty() == 3
    assert (waiting(intake.spool, limit=9), intake.empty()) == ([], 0)
    assert (desk.marks(one)[0], desk.marks(two)[0], desk.unmatched()) == (True, True, [("other", "no-token")])


def test_k29_a_file_that_comes_twice_has_one_effect(desk, intake) -> None:
    """Killed after the commit and before the file was removed: the next run finds the mail kept."""
    sent = desk.send(desk.world.a1)
    path = _put(intake, letters.dsn(token=sent.token), f"{sent.token}@mail.example")
    data = path.read_bytes()
    intake.empty()
    path.write_bytes(data)
    intake.empty()
    assert (len(desk.mail(desk.world.a1)), waiting(intake.spool, limit=9)) == (1, [])


def test_a_broken_file_is_set_aside_and_the_rest_goes_on(desk, intake) -> None:
    """It is kept for a person."""
    sent = desk.send(desk.world.a1)
    broken = _put(intake, b"x", "postmaster@mail.example")
    broken.write_bytes(b"garbage")
    _put(intake, letters.dsn(token=sent.token), f"{sent.token}@mail.example")
    assert intake.empty() == 2
    assert (intake.spool / "broken" / broken.name).exists()
    assert desk.marks(sent)[0]


def test_a_mail_that_always_fails_ends_in_the_unmatched_queue(desk, intake, monkeypatch) -> None:
    """After some attempts; it is not lost, and the one behind it is sorted at once."""
    sent = desk.send(desk.world.a1)
    _put(intake, b"Subject: poison\r\n\r\nx", "postmaster@mail.example")
    _put(intake, letters.dsn(token=sent.token), f"{sent.token}@mail.example")
    real = type(desk.mailroom).sort

    def sort(room, envelope, content):
        if b"poison" in content:
            raise ValueError("poison")
        return real(room, envelope, content)

    monkeypatch.setattr(type(desk.mailroom), "sort", sort)
    intake.empty()
    assert desk.marks(sent)[0]
    for _ in range(ATTEMPTS - 1):
        intake.empty()
    assert (desk.unmatched(), waiting(intake.spool, limit=9)) == ([("other", "failed")], [])


def test_an_effect_that_fails_leaves_nothing_half_done(desk, intake, monkeypatch) -> None:
    """Mail and effect are one transaction: after the failure neither is there, and the file waits."""
    sent = desk.send(desk.world.a1)
    _put(intake, letters.dsn(token=sent.token), f"{sent.token}@mail.example")

    def fail(*_args, **_more):
        raise RuntimeError("halfway")

    with monkeypatch.context() as patch:
        patch.setattr("posthouse.inbound.mailroom.sort.note_effect", fail)
        assert intake.empty() == 0
    assert (desk.mail(desk.world.a1), desk.marks(sent)[0], desk.suppressed(desk.world.a1)) == ([], False, [])
    assert intake.empty() == 1
    assert desk.marks(sent)[0]


def test_with_the_database_away_nothing_is_lost(desk, intake, monkeypatch) -> None:
    """The file stays, no attempt is counted, and it is sorted when the database is back."""
    sent = desk.send(desk.world.a1)
    _put(intake, letters.dsn(token=sent.token), f"{sent.token}@mail.example")

    def away(*_args, **_more):
        raise sa.exc.OperationalError("SELECT 1", {}, Exception("connection refused"))

    with monkeypatch.context() as patch:
        patch.setattr("posthouse.inbound.mailroom.sort.keep", away)
        for _ in range(ATTEMPTS + 2):
            with pytest.raises(sa.exc.OperationalError):
                intake.empty()
    assert len(waiting(intake.spool, limit=9)) == 1
    assert (intake.empty(), desk.marks(sent)[0]) == (1, True)
