"""An erased person's messages say no more who they went to; what waits is called off, what was counted stays counted."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from desk import Desk
from news import pass_on

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.runner import run_due
from posthouse.platform.secrets import DoesNotOpen
from posthouse.sending.campaigns import counting
from posthouse.sending.messages import jobs, services
from posthouse.sending.messages.queries import get_message
from posthouse.sending.replies.rules import classify
from posthouse.sending.tracking import services as tracking
from posthouse.tenants.contacts import erasure
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.suppressions import queries as suppressions

ANN, BOB = "Ann@example.net", "bob@example.net"
GONE = classify(550, "5.1.1", "no such user", stage="rcpt")
CAMPAIGN = 77


@pytest.fixture
def desk(app, world):
    return Desk(world)


@pytest.fixture
def ann(world):
    with transaction(world.a1.scope):
        return contacts.create(world.a1.scope, email=ANN, source="page").id


def _erase(place, contact_id, settings):
    with transaction(place.scope):
        contacts.erase(place.scope, contact_id=contact_id)
    pass_on(settings)
    run_due()


def _told(desk, sent, **columns):
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    with transaction(sent.place.scope) as live:
        live.execute(sa.text(f"UPDATE message SET {sets} WHERE id = :id"), {"id": sent.id, **columns})
        live.execute(
            sa.text("INSERT INTO message_event (tenant_id, message_id, kind, at, text) VALUES (:t, :m, 'sent', :at, :text)"),
            {"t": sent.place.id, "m": sent.id, "at": clock.now(), "text": "250 to <ann@example.net>"},
        )


def _row(desk, sent):
    return desk.ask(
        sent.place, "SELECT state, recipient, email_norm, fields, reply_text, reason, domain FROM message WHERE id = :id", id=sent.id
    )[0]


def _traces(desk, place):
    """Every row of this tenant's tables about messages that still names the person."""
    tables = ("message", "message_event", "campaign_skip", "suppression")
    return [name for name in tables if desk.ask(place, f"SELECT 1 FROM {name} t WHERE t::text ILIKE '%ann@%'")]


def test_nothing_says_who_it_was(desk, world, ann, settings):
    """By contact and by address, with and without a reply; others' messages and other tenants' are as they were."""
    own = desk.send(world.a1, contact_id=ann)
    single = desk.send(world.a1, stream="transactional")
    bob, foreign = desk.send(world.a1, BOB), desk.send(world.a2)
    _told(desk, own, reply_text="ok <ann@example.net>", fields='{"name": "Ann"}', reason="said ann@example.net is odd")
    before = _row(desk, bob), _row(desk, foreign)
    _erase(world.a1, ann, settings)
    assert _row(desk, own) == ("sent", "", "", None, None, "", "example.net")
    assert _row(desk, single)[:3] == ("sent", "", "")
    assert _traces(desk, world.a1) == []
    assert (_row(desk, bob), _row(desk, foreign)) == before


def test_what_waits_is_called_off_and_counted(desk, world, ann, settings):
    """It is never sent, its campaign's figures say so, and doing it twice changes nothing."""
    waiting = desk.send(world.a1, contact_id=ann, state="queued")
    with transaction(world.a1.scope) as live:
        keys = {"t": world.a1.id, "c": CAMPAIGN, "at": clock.now(), "m": waiting.id}
        live.execute(sa.text("INSERT INTO campaign (tenant_id, id, name, state, created_at) VALUES (:t, :c, 'x', 'sending', :at)"), keys)
        live.execute(sa.text("UPDATE message SET campaign_id = :c WHERE id = :m"), keys)
    with transaction(world.a1.scope):
        sealed = erasure.seal(world.a1.scope, ann, (ANN,))
    _erase(world.a1, ann, settings)
    for _ in range(2):
        jobs.forget_contact(world.a1.scope, contact_id=ann, sealed=sealed, look=0, last=True)
        assert _row(desk, waiting)[:3] == ("cancelled", "", "")
        counted = "SELECT count FROM campaign_count WHERE campaign_id = :c AND kind = :k AND facet = 'total'"
        assert desk.ask(world.a1, counted, c=CAMPAIGN, k=counting.CANCELLED) == [(1,)]
        assert desk.ask(world.a1, "SELECT kind FROM message_event WHERE message_id = :m", m=waiting.id) == [("cancelled",)]


def test_a_message_in_a_workers_hand_is_forgotten_after_its_outcome(desk, world, ann, settings):
    """Its lease is settled first; then it is looked for again, with the suppression that its refusal made."""
    held = desk.send(world.a1, contact_id=ann)
    with transaction(world.a1.scope) as live:
        live.execute(sa.text("UPDATE message SET state = 'leased', lease_id = 5, settled_at = NULL WHERE id = :m"), {"m": held.id})
    with clock.frozen(clock.now()) as at:
        _erase(world.a1, ann, settings)
        assert _row(desk, held)[1] == "ann@example.net"
        with transaction(world.a1.scope) as live:
            live.execute(sa.text("UPDATE message SET state = 'failed', lease_id = NULL, settled_at = now() WHERE id = :m"), {"m": held.id})
            live.execute(
                sa.text(
                    "INSERT INTO suppression (tenant_id, address, reason, source, reach, target, at)"
                    " VALUES (:t, 'ann@example.net', 'hard_bounce', 'smtp', 'tenant', 'tenant', now())"
                ),
                {"t": world.a1.id},
            )
        at.move(seconds=31)
        run_due()
        assert _row(desk, held)[:2] == ("failed", "")
    assert _traces(desk, world.a1) == []


def test_what_an_open_transaction_wrote_meanwhile_is_found_later(desk, world, ann, settings):
    """A quarter of an hour later everything is looked through once more, and then no more."""
    with clock.frozen(clock.now()) as at:
        _erase(world.a1, ann, settings)
        late = desk.send(world.a1, state="queued")
        at.move(minutes=16)
        run_due()
        assert _row(desk, late)[:2] == ("cancelled", "")
        with transaction(world.operator) as live:
            assert (
                live.execute(sa.text("SELECT count(*) FROM job WHERE kind = :k AND state = 'queued'"), {"k": jobs.FORGET_JOB}).scalar() == 0
            )


def test_late_news_of_a_forgotten_recipient_harms_nothing(desk, world, ann, settings):
    """Bounce, complaint, click and unsubscription are counted; no address comes back, and they are still never written to."""
    sent = desk.send(world.a1, contact_id=ann)
    _erase(world.a1, ann, settings)
    scope = world.a1.scope
    with transaction(scope):
        assert services.record_bounce(scope, sent.id, GONE, "dsn", text="<ann@example.net> unknown")
        assert services.record_complaint(scope, sent.id, "arf", text="from ann@example.net")
        assert not services.take_back_complaint(scope, sent.id)
        assert tracking.unsubscribe(scope, message_id=sent.id)
        assert tracking.unsubscribe(scope, message_id=sent.id, everything=True)
        assert not tracking.set_preferences(scope, message_id=sent.id, keep_list_ids=[])
    with transaction(scope):
        card = get_message(scope, sent.id)
        assert (card.bounced_at is not None, card.complained_at is not None, card.recipient) == (True, True, "")
        assert [one.reason for one in suppressions.list_suppressions(scope).cards] == ["erasure"]
        assert suppressions.is_suppressed(scope, "ann@example.net", stream="marketing")
    assert _traces(desk, world.a1) == []


def test_a_foreign_tenant_can_forget_nobody(desk, world, ann):
    """The sealed address opens for its own tenant alone; with an address of its own a tenant reaches only its own messages."""
    sent = desk.send(world.a1, contact_id=ann)
    with transaction(world.a1.scope):
        sealed = erasure.seal(world.a1.scope, ann, (ANN,))
    with pytest.raises(DoesNotOpen):
        jobs.forget_contact(world.a2.scope, contact_id=ann, sealed=sealed, look=0)
    with transaction(world.a2.scope):
        own = erasure.seal(world.a2.scope, ann, (ANN,))
    jobs.forget_contact(world.a2.scope, contact_id=ann, sealed=own, look=0)
    assert _row(desk, sent)[1] == "ann@example.net"


def test_the_walk_goes_through_all_ranges(desk, world, ann, settings, monkeypatch):
    """However many messages there are, each range is a transaction of its own."""
    monkeypatch.setattr(jobs, "RANGE", 2)
    mine = [desk.send(world.a1, ago=timedelta(hours=1)) for _ in range(3)]
    others = [desk.send(world.a1, BOB) for _ in range(3)]
    mine.append(desk.send(world.a1))
    _erase(world.a1, ann, settings)
    assert {_row(desk, one)[1] for one in mine} == {""}
    assert {_row(desk, one)[1] for one in others} == {BOB}
