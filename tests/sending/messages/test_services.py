"""What comes back about a message is noted once, for its own tenant, in whatever order it comes and however often."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import psycopg
import pytest
import sqlalchemy as sa
from shops import make_shop

from posthouse.platform.db import session, transaction
from posthouse.platform.events import Handler
from posthouse.sending.campaigns import composers, report
from posthouse.sending.campaigns import services as campaigns
from posthouse.sending.delivery import hosts
from posthouse.sending.delivery.claiming import Place, claim
from posthouse.sending.delivery.records import Mark, Record
from posthouse.sending.delivery.settlement import settle
from posthouse.sending.messages import queries, services
from posthouse.sending.messages.events import MessageBounced, MessageComplained
from posthouse.sending.pools import services as pools
from posthouse.sending.replies.rules import classify
from posthouse.tenants.suppressions.queries import list_suppressions

GONE = classify(550, "5.1.1", "no such user", stage="rcpt")
FULL = classify(552, "5.2.2", "mailbox full", stage="rcpt")
DELAYED = classify(451, "4.4.1", "will try again", stage="rcpt")


@dataclass
class Sent:
    """A message of a campaign that has left."""

    scope: object
    campaign_id: int
    message_id: int
    database_url: str

    def bounce(self, found=GONE, *, scope=None, message_id=None):
        scope = scope or self.scope
        with transaction(scope):
            return services.record_bounce(scope, message_id or self.message_id, found, "dsn", text=found.reason)

    def complain(self, *, scope=None, message_id=None):
        scope = scope or self.scope
        with transaction(scope):
            return services.record_complaint(scope, message_id or self.message_id, "arf", text="abuse")

    def card(self):
        with transaction(self.scope):
            return queries.get_message(self.scope, self.message_id)

    def history(self):
        with transaction(self.scope):
            return [event.kind for event in queries.history(self.scope, self.message_id)]

    def totals(self):
        with transaction(self.scope):
            return dict(report.get_report(self.scope, self.campaign_id).totals)

    def suppressed(self):
        with transaction(self.scope):
            return [card.reason for card in list_suppressions(self.scope).cards]

    def told(self):
        """What was announced to other rooms."""
        with psycopg.connect(self.database_url) as live:
            query = "SELECT name FROM outbox_event WHERE name LIKE 'Message%' ORDER BY id"
            return [row[0] for row in live.execute(query)]

    def everything(self):
        return self.history(), self.totals(), self.suppressed(), self.told()


@pytest.fixture
def sent(app, world, settings):
    composers.forget()
    for event in (MessageBounced, MessageComplained):  # an event that nobody listens to is not written down
        app.extensions["posthouse_house"].handlers[event.__name__] = {"test": Handler(event, "test", lambda _scope, _event: None)}
    shop = make_shop(world.a1.scope, name="tea")
    card = shop.campaign()
    with transaction(shop.scope) as live:
        campaigns.start(shop.scope, campaign_id=card.id)
        message_id = live.execute(sa.text("SELECT min(id) FROM message")).scalar_one()
        live.execute(sa.text("UPDATE message SET state = 'sent', settled_at = now()"))
    return Sent(shop.scope, card.id, message_id, settings.database_url)


def test_a_bounce_is_noted_once(sent):
    """Mark, history, figure, suppression and news come together with the first report; repeats change nothing."""
    assert sent.bounce()
    card = sent.card()
    assert (card.state, card.hard, card.bounce_reason, card.bounced_at is not None) == ("sent", True, GONE.reason, True)
    assert sent.everything() == (["bounced"], {"recipients": 3, "bounced": 1}, ["hard_bounce"], ["MessageBounced"])
    before = sent.everything()
    assert not sent.bounce()
    assert not sent.bounce(FULL)
    assert sent.everything() == before
    assert sent.card() == card


def test_a_soft_bounce_suppresses_nobody(sent):
    """A full mailbox is told and counted; the address stays."""
    assert sent.bounce(FULL)
    assert not sent.card().hard
    assert sent.everything() == (["bounced"], {"recipients": 3, "bounced": 1}, [], ["MessageBounced"])


def test_a_delay_is_history_only(sent):
    """A report that the other side goes on trying marks nothing, before a bounce and after it."""
    assert not sent.bounce(DELAYED)
    assert sent.card().bounced_at is None
    assert sent.bounce()
    assert not sent.bounce(DELAYED)
    assert sent.everything() == (["delayed", "bounced", "delayed"], {"recipients": 3, "bounced": 1}, ["hard_bounce"], ["MessageBounced"])


def test_a_complaint_is_noted_once(sent):
    """And the address is not written to again."""
    assert sent.complain()
    assert sent.card().complained_at is not None
    before = sent.everything()
    assert before == (["complained"], {"recipients": 3, "complained": 1}, ["complaint"], ["MessageComplained"])
    assert not sent.complain()
    assert sent.everything() == before


@pytest.mark.parametrize("first", ["bounce", "complain"])
def test_bounce_and_complaint_come_in_any_order(sent, first):
    """Both are kept as what they are; the one does not hide the other, and there is one suppression."""
    order = [sent.bounce, sent.complain] if first == "bounce" else [sent.complain, sent.bounce]
    assert [act() for act in order] == [True, True]
    assert sorted(sent.history()) == ["bounced", "complained"]
    assert sent.totals() == {"recipients": 3, "bounced": 1, "complained": 1}
    assert len(sent.suppressed()) == 1
    assert sorted(sent.told()) == ["MessageBounced", "MessageComplained"]


def test_a_foreign_tenant_changes_nothing(sent, world):
    """Not yours is not there: another tenant's or reseller's scope finds no message, and leaves no suppression either."""
    before = sent.everything()
    for place in (world.a2, world.b1):
        assert not sent.bounce(scope=place.scope)
        assert not sent.complain(scope=place.scope)
        with transaction(place.scope):
            assert list_suppressions(place.scope).cards == ()
            assert session(place.scope).execute(sa.text("SELECT count(*) FROM message_event")).scalar_one() == 0
    assert sent.everything() == before


def test_an_unknown_message_changes_nothing(sent):
    """A report about a message that there never was."""
    before = sent.everything()
    assert not sent.bounce(message_id=1)
    assert not sent.complain(message_id=1)
    assert sent.everything() == before


@pytest.mark.parametrize("report_", ["bounce", "complain"])
def test_the_same_report_many_times_at_once_is_one(sent, app, report_):
    """Eight at the same instant: one finds it new."""
    together, found = threading.Barrier(8), []

    def act():
        with app.app_context():
            together.wait(20)
            found.append(getattr(sent, report_)())

    threads = [threading.Thread(target=act) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(found) == [False] * 7 + [True]
    assert len(sent.history()) == len(sent.suppressed()) == len(sent.told()) == 1


def test_a_refused_transaction_takes_all_of_it_back(sent):
    """When the edge fails after the service, mark, figure, suppression and news go together, and the report counts later."""
    before = sent.everything()
    with pytest.raises(RuntimeError), transaction(sent.scope):
        services.record_bounce(sent.scope, sent.message_id, GONE, "dsn")
        raise RuntimeError
    assert sent.everything() == before
    assert sent.bounce()


def test_a_report_that_overtakes_the_settlement_stays(app, world):
    """Its mark that the address does not exist outlives the lease's own, later outcome."""
    scope = world.a1.scope
    with transaction(scope) as live:
        live.execute(
            sa.text(
                "INSERT INTO message (tenant_id, revision_id, recipient, email_norm, domain, stream, state, not_before, created_at)"
                " VALUES (:tenant, 1, 'r@x.test', 'r@x.test', 'x.test', 'transactional', 'queued', now(), now())"
            ),
            {"tenant": scope.tenant_id},
        )
    with transaction(world.operator):
        pool = pools.create_pool(world.operator, name="shared")
        pools.add_route(world.operator, pool_id=pool, name="r", host="127.0.0.1", port=1, tls="none")
        pools.grant_pool(world.operator, pool_id=pool, reseller_id=world.a.id, stream="transactional", default=True)
    folder = hosts.folder()
    claimed = claim(scope, stream="transactional", place=Place(folder, hosts.host_name(folder), "test"))
    (card,) = claimed.cards
    with transaction(scope):
        assert services.record_bounce(scope, card.id, GONE, "dsn")
    settle(scope, lease_id=claimed.lease_id, word=lambda _id: Record(Mark.SENT, card.id, 250, "2.0.0", "dot", "ok"), by="test")
    claimed.journal.remove()
    with transaction(scope):
        after = queries.get_message(scope, card.id)
    assert (after.state, after.hard, after.bounced_at is not None) == ("sent", True, True)
