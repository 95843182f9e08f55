"""From spool to effect: files go when their mail is kept, broken ones are set aside, and a mail that fails holds nobody up."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime

import letters
import pytest
import sqlalchemy as sa

from posthouse.inbound.mailroom import sort
from posthouse.inbound.mailroom.intake import ATTEMPTS, Intake
from posthouse.inbound.spool.files import Envelope, unpack
from posthouse.inbound.spool.queries import waiting
from posthouse.inbound.spool.services import prepare, store, store_together
from posthouse.inbound.tally.services import TALLY
from posthouse.platform.db import transaction


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
    real = sort.read

    def read(content, recipients):
        if b"poison" in content:
            raise ValueError("poison")
        return real(content, recipients)

    monkeypatch.setattr(sort, "read", read)
    intake.empty()
    assert desk.marks(sent)[0]
    for _ in range(ATTEMPTS - 1):
        intake.empty()
    assert (desk.unmatched(), waiting(intake.spool, limit=9)) == ([("other", "failed")], [])


def test_a_file_of_several_mails_goes_when_all_of_them_are_taken(desk, intake, monkeypatch) -> None:
    """One that fails is tried again alone, and nothing else of its file is."""
    one, two = desk.send(desk.world.a1), desk.send(desk.world.b1)
    at = datetime(2026, 11, 25, tzinfo=UTC)
    mails = [(f"{sent.token}@mail.example", letters.dsn(token=sent.token)) for sent in (one, two)]
    mails.insert(1, ("postmaster@mail.example", b"Subject: poison\r\n\r\nx"))
    store_together(intake.spool, [(Envelope("", (to,), "192.0.2.1", "mx", "esmtp", at), content) for to, content in mails])
    real, read_again = sort.read, []

    def read(content, recipients):
        read_again.append(content)
        if b"poison" in content:
            raise ValueError("poison")
        return real(content, recipients)

    monkeypatch.setattr(sort, "read", read)
    assert intake.empty() == 2
    assert (desk.marks(one)[0], desk.marks(two)[0], len(waiting(intake.spool, limit=9))) == (True, True, 1)
    read_again.clear()
    for _ in range(ATTEMPTS - 1):
        intake.empty()
    assert waiting(intake.spool, limit=9) == []
    assert all(b"poison" in content for content in read_again)
    assert len(desk.unmatched()) == 1


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
        patch.setattr("posthouse.inbound.mailroom.sort.keep_all", away)
        for _ in range(ATTEMPTS + 2):
            with pytest.raises(sa.exc.OperationalError):
                intake.empty()
    assert len(waiting(intake.spool, limit=9)) == 1
    assert (intake.empty(), desk.marks(sent)[0]) == (1, True)


def _everything(desk):
    """What mail can change, without ids and times."""
    tables = {
        "inbound_mail": "kind, effect, rule, subject",
        "message": "recipient, bounced_at IS NOT NULL, bounce_reason, hard, complained_at IS NOT NULL",
        "message_event": "kind, code, text",
        "suppression": "address, reason, source, reach",
        "standing_count": "stream, sent, bounces, complaints",
        "campaign_count": "facet, part, kind, count",
    }
    found = {}
    for place in (desk.world.a1, desk.world.b1):
        for table, columns in tables.items():
            query = f"SELECT {columns} FROM {table}"
            found[place.id, table] = sorted(map(str, desk.ask(place, query)))
    return found


def test_mails_sorted_together_have_the_effects_that_each_has_alone(desk, tmp_path) -> None:
    """Bounces, the same twice, two about one message, a complaint after a bounce, a wish to leave, an answer, forged ones, a complaint and its taking back, of two tenants."""

    def hand_in(place, number, *, together):
        spool = tmp_path / f"{place.id}-{together}-{number}"
        prepare(spool)
        room = Intake(spool, desk.mailroom)
        emails = [f"r{n}.{number}@example.net" for n in range(5)]
        sent = [desk.send(place, email) for email in emails]
        for one, email in zip(sent[:3], emails, strict=False):
            for _ in range(2):
                _put(room, letters.dsn(token=one.token, recipient=email), f"{one.token}@mail.example")
        _put(room, letters.qmail(sent[0].token), f"{sent[0].token}@mail.example")
        _put(room, letters.arf(token=sent[1].token), f"fbl-{sent[1].token}@mail.example")
        _put(room, b"Subject: unsubscribe\r\n\r\nx", f"u-{sent[2].token}@mail.example")
        _put(room, letters.vacation(), f"{sent[3].token}@mail.example")
        for kind in ("abuse", "not-spam"):
            _put(room, letters.arf(kind, token=sent[4].token), f"fbl-{sent[4].token}@mail.example")
        _put(room, letters.dsn(token="b" * 44), "postmaster@mail.example")
        if together:
            assert room.empty() == 13
        else:
            for path in waiting(spool, limit=99):
                room.mailroom.sort(*unpack(path.read_bytes()))

    hand_in(desk.world.a1, 1, together=True)
    hand_in(desk.world.b1, 1, together=False)
    found = _everything(desk)
    for (place, table), rows in found.items():
        if place == desk.world.a1.id:
            assert rows == found[desk.world.b1.id, table], table
    assert len(found[desk.world.a1.id, "suppression"]) >= 3
    assert not any("r4." in row for row in found[desk.world.a1.id, "suppression"])


def test_one_that_fails_among_others_fails_alone(desk, intake, monkeypatch) -> None:
    """The transaction that it was in is undone, each is sorted alone, and only the bad one waits."""
    good, bad = [desk.send(desk.world.a1, f"r{n}@example.net") for n in range(3)], desk.send(desk.world.a1, "bad@example.net")
    for one in (good[0], bad, *good[1:]):
        _put(intake, letters.dsn(token=one.token), f"{one.token}@mail.example")
    real = sort._effect

    def effect(scope, matter):
        if matter.message_id == bad.id:
            raise RuntimeError("halfway")
        return real(scope, matter)

    with monkeypatch.context() as patch:
        patch.setattr(sort, "_effect", effect)
        assert intake.empty() == 3
    assert ([desk.marks(one)[0] for one in good], desk.marks(bad)[0], len(waiting(intake.spool, limit=9))) == ([True] * 3, False, 1)
    assert (intake.empty(), desk.marks(bad)[0], len(desk.mail(desk.world.a1))) == (1, True, 4)


def test_the_service_goes_on_after_any_failure(desk, intake, monkeypatch) -> None:
    """A disk that can't be read for a while ends no thread."""
    sent = desk.send(desk.world.a1)
    _put(intake, letters.dsn(token=sent.token), f"{sent.token}@mail.example")
    stopping, real, tries = threading.Event(), type(intake).empty, []

    def empty(room, told):
        tries.append(1)
        if len(tries) == 1:
            raise PermissionError("no entry")
        done = real(room, told)
        told.set()
        return done

    monkeypatch.setattr("posthouse.inbound.mailroom.intake.DATABASE_AWAY_SECONDS", 0.01)
    monkeypatch.setattr(type(intake), "empty", empty)
    intake.run(stopping)
    assert (len(tries), desk.marks(sent)[0]) == (2, True)


def test_what_was_counted_is_written_down_when_the_service_stops(desk, intake, monkeypatch) -> None:
    """Only a kill loses the last seconds of it."""
    monkeypatch.setattr(TALLY, "_counts", Counter({"forged": 2}))
    stopping = threading.Event()
    stopping.set()
    intake.run(stopping)
    with transaction(desk.world.operator) as live:
        assert live.execute(sa.text("SELECT what, mails FROM inbound_tally")).all() == [("forged", 2)]
