"""Programs hear of each message that left, and of each that never will: once each, a lease at a time, and only where they asked."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import sqlalchemy as sa
from news import pass_on
from ways import Ways

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.events import emit
from posthouse.platform.ids import encode
from posthouse.sending.delivery.claiming import claim
from posthouse.sending.delivery.records import Mark, Record
from posthouse.sending.delivery.settlement import Settled, settle
from posthouse.sending.events import MessageOpened
from posthouse.sending.messages.events import MessagesSent
from posthouse.sending.messages.labels import keep_labels
from posthouse.sending.mime.wishes import labels_of
from posthouse.tenants.events import ContactUnsubscribed
from posthouse.webui.webhooks import services

URL = "https://hook.example.com/x"


@pytest.fixture
def ways(app, world):
    made = Ways(app, world)
    made.pool(1)
    return made


def _listen(place, *kinds):
    with transaction(place.scope):
        services.create_endpoint(place.scope, url=URL, kinds=kinds)


def _word(message_id, marks=(Mark.SENT, Mark.REFUSED, Mark.UNKNOWN)):
    """The first message left, the second was refused, of the third nobody knows."""
    mark = marks[message_id - 1]
    return Record(mark, message_id, *((550, "5.1.1", "rcpt", "no such user") if mark is Mark.REFUSED else (250, None, "dot", "ok")), 0)


def _send(ways, place, settings, count=3):
    ways.queue(place, count)
    claimed = claim(place.scope, stream="marketing", place=ways.place)
    claimed.journal.remove()
    numbers = {card.id: number for number, card in enumerate(claimed.cards, 1)}
    word = lambda message_id: _word(numbers[message_id])  # noqa: E731
    assert settle(place.scope, lease_id=claimed.lease_id, word=word, by="test") is Settled.DONE
    assert settle(place.scope, lease_id=claimed.lease_id, word=word, by="test") is Settled.BEFORE
    for _ in range(2):
        pass_on(settings)
    return list(numbers)


def _told(place):
    with transaction(place.scope) as live:
        rows = live.execute(sa.text("SELECT kind, event_key, body FROM webhook_delivery ORDER BY kind, event_key")).all()
    return [(row.kind, row.event_key, json.loads(row.body)["data"]) for row in rows]


def _outbox(world):
    with transaction(world.operator) as live:
        return live.execute(sa.text("SELECT count(*) FROM outbox_event WHERE name LIKE 'Messages%'")).scalar_one()


def test_each_message_is_told_once_with_what_became_of_it(ways, world, settings):
    """Also when the lease is settled again; what nobody knows is told as neither."""
    _listen(world.a1, "message.sent", "message.failed")
    sent, failed, _unknown = _send(ways, world.a1, settings)
    first, second = _told(world.a1)
    assert first[:2] == ("message.failed", failed)
    assert (
        first[2] | {"message_id": encode("msg", failed), "state": "failed", "reason": "userunknown", "code": 550, "status": "5.1.1"}
        == first[2]
    )
    assert (second[:2], second[2]["message_id"]) == (("message.sent", sent), encode("msg", sent))
    assert _outbox(world) == 2


def test_who_did_not_ask_costs_nothing(ways, world, settings):
    """No news is written down for a tenant that wants none, nor for what it did not ask for."""
    _listen(world.a2, "message.sent")
    _listen(world.a1, "message.bounced")
    _send(ways, world.a1, settings)
    assert (_outbox(world), _told(world.a1), _told(world.a2)) == (0, [], [])


def test_a_message_whose_time_is_over_before_it_is_tried_is_told_as_failed(ways, world, settings):
    """It is dropped at the claim; its program hears of it all the same."""
    _listen(world.a1, "message.failed")
    ways.queue(world.a1, 2)
    with transaction(world.a1.scope):
        session(world.a1.scope).execute(sa.text("UPDATE message SET expires_at = :at"), {"at": clock.now()})
    assert claim(world.a1.scope, stream="marketing", place=ways.place) is None
    pass_on(settings)
    assert Counter(facts["state"] for _, _, facts in _told(world.a1)) == {"expired": 2}


def test_news_of_a_message_bears_what_its_program_wrote_on_it(ways, world, settings):
    """Told for one message or for many; a message without has none."""
    _listen(world.a1, "message.sent", "message.opened", "contact.unsubscribed")
    ways.queue(world.a1, 3)
    with transaction(world.a1.scope) as live:
        first = live.execute(sa.text("SELECT min(id) FROM message")).scalar_one()
        keep_labels(world.a1.scope, [first], labels_of(["receipt"], {"order": "1001"}))
        emit(world.a1.scope, MessageOpened(message_id=first))
        emit(world.a1.scope, MessagesSent(message_ids=[first, first + 1]))
        emit(world.a1.scope, ContactUnsubscribed(contact_id=1, list_id=None, message_id=first))
    for _ in range(2):
        pass_on(settings)
    told = {(kind, facts["message_id"]): (facts.get("tags"), facts.get("metadata")) for kind, _, facts in _told(world.a1)}
    assert told == {
        ("contact.unsubscribed", encode("msg", first)): (["receipt"], {"order": "1001"}),
        ("message.opened", encode("msg", first)): (["receipt"], {"order": "1001"}),
        ("message.sent", encode("msg", first)): (["receipt"], {"order": "1001"}),
        ("message.sent", encode("msg", first + 1)): (None, None),
    }
