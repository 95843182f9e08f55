"""What claims wait for and what not: arrivals are never lost between two turns, and nobody waits for another's bulk."""

import itertools
import threading
import time
from contextlib import contextmanager

import psycopg
import pytest
import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.scope import system
from posthouse.sending.delivery import hosts, picking, turns
from posthouse.sending.delivery.claiming import Place, claim
from posthouse.sending.delivery.records import Mark, Record
from posthouse.sending.delivery.settlement import Settled, settle
from posthouse.sending.delivery.sizing import USUAL
from posthouse.sending.pools import services as pools
from posthouse.tenants.quotas import services as quotas

SECONDS = 20
_CAMPAIGN = sa.text("INSERT INTO campaign (tenant_id, name, state, created_at) VALUES (:tenant, 'c', 'sending', :at) RETURNING id")
_MESSAGES = (
    "INSERT INTO message (tenant_id, campaign_id, contact_id, revision_id, recipient, email_norm, domain, stream, state, not_before, created_at)"
    " SELECT %(tenant)s, %(campaign)s, CASE WHEN CAST(%(campaign)s AS bigint) IS NULL THEN NULL ELSE n END, 1, a, a, 'x.test', %(stream)s,"
    " 'queued', %(at)s + n * interval '1 microsecond' - interval '1 second', %(at)s"
    " FROM (SELECT n, 'r' || n || '@x.test' AS a FROM generate_series(1, %(count)s) AS n) AS k"
)
_LOCKED_BY_LEDGER = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
_names = itertools.count(1)


@pytest.fixture
def place(world):
    """Where claims are made, with a pool for everybody."""
    with transaction(world.operator):
        pool = pools.create_pool(world.operator, name=f"claims {next(_names)}")
        pools.add_route(world.operator, pool_id=pool, name="r", host="127.0.0.1", port=1, tls="none")
        for stream in pools.STREAMS:
            pools.grant_pool(world.operator, pool_id=pool, reseller_id=world.a.id, stream=stream, default=True)
    folder = hosts.folder()
    return Place(folder, hosts.host_name(folder), "test")


def values(tenant, count, *, campaign=None, stream="marketing"):
    return {"tenant": tenant.id, "campaign": campaign, "count": count, "stream": stream, "at": clock.now()}


def queue(tenant, count, **more):
    with transaction(tenant.scope) as live:
        live.connection().exec_driver_sql(_MESSAGES, values(tenant, count, **more))


def campaign(tenant):
    with transaction(tenant.scope):
        return session(tenant.scope).execute(_CAMPAIGN, {"tenant": tenant.id, "at": clock.now()}).scalar_one()


def settled(claimed, *, sent=True):
    word = {card.id: Record(Mark.SENT, card.id, 250, "2.0.0", "data", "taken", 1) for card in claimed.cards} if sent else {}
    assert settle(claimed.scope, lease_id=claimed.lease_id, word=word.get, by="test") is Settled.DONE
    claimed.journal.remove()


@contextmanager
def elsewhere(settings):
    """Another process's connection, in a transaction of its own."""
    with psycopg.connect(settings.database_url) as live:
        yield live
        live.rollback()


class Beside(threading.Thread):
    """A claim that may have to wait."""

    def __init__(self, app, scope, stream, place):
        super().__init__(daemon=True)
        self.got = None
        self._do = lambda: claim(scope, stream=stream, place=place)
        self._app = app
        self.start()

    def run(self):
        with self._app.app_context():
            self.got = self._do()

    def ended(self):
        self.join(SECONDS)
        assert not self.is_alive()
        return self.got


def until_somebody_waits(settings, query):
    end = time.monotonic() + SECONDS
    with psycopg.connect(settings.database_url, autocommit=True) as live:
        while not live.execute(_LOCKED_BY_LEDGER, (f"%{query}%",)).fetchone()[0]:
            assert time.monotonic() < end, "nobody waits for that lock"
            time.sleep(0.02)


def test_a_message_that_is_queued_while_a_turn_ends_is_seen(app, world, place, settings):
    """Its lane is due already, so its arrival changes nothing; the claim waits for its commit before it sets the lane's next time."""
    queue(world.a1, 1, stream="transactional")
    with elsewhere(settings) as other:
        other.execute("SELECT set_config('posthouse.tenant_id', %s, true)", (str(world.a1.id),))
        other.execute(_MESSAGES, values(world.a1, 1, stream="transactional"))
        claiming = Beside(app, world.a1.scope, "transactional", place)
        until_somebody_waits(settings, "FROM lane_tenant")
        other.commit()
        assert len(claiming.ended().cards) == 1
    scope = system("test")
    with transaction(scope):
        assert turns.next_turn(scope, stream="transactional").tenant_id == world.a1.id, "the second message's turn comes at once"
    assert len(claim(world.a1.scope, stream="transactional", place=place).cards) == 1


def test_those_who_queue_for_a_due_lane_do_not_wait_for_each_other(world, place, settings):
    """Two transactions that are open at once both queue for the same lane, and a turn is given meanwhile."""
    queue(world.a1, 1, stream="transactional")
    with elsewhere(settings) as first, elsewhere(settings) as second:
        for other in (first, second):
            other.execute("SET LOCAL lock_timeout = '5s'")
            other.execute("SELECT set_config('posthouse.tenant_id', %s, true)", (str(world.a1.id),))
            other.execute(_MESSAGES, values(world.a1, 1, stream="transactional"))
        scope = system("test")
        with transaction(scope):
            assert turns.next_turn(scope, stream="transactional").tenant_id == world.a1.id


def test_a_single_message_does_not_wait_for_a_campaign_s_lease(app, world, place, settings):
    """A campaign's claim that hangs before its end holds nothing that a claim of the same tenant's single message needs."""
    queue(world.a1, USUAL + 50, campaign=campaign(world.a1))
    queue(world.a1, 1, stream="transactional")
    with elsewhere(settings) as other:
        other.execute("SELECT 1 FROM lane_tenant WHERE tenant_id = %s AND stream = 'marketing' FOR UPDATE", (world.a1.id,))
        bulk = Beside(app, world.a1.scope, "marketing", place)
        until_somebody_waits(settings, "UPDATE lane_tenant")
        single = Beside(app, world.a1.scope, "transactional", place).ended()
        assert [card.recipient for card in single.cards] == ["r1@x.test"]
        settled(single)
        assert bulk.is_alive()
        other.rollback()
        assert len(bulk.ended().cards) == USUAL


def test_the_ledger_is_locked_when_all_else_is_done(app, world, place, settings):
    """While no limit binds the lease is written and its journal made before the rows are asked for that are everybody's."""
    with transaction(world.a1.scope):
        quotas.set_allowance(world.a1.scope, layer="tenant", owner_id=world.a1.id, period="month", allowed=2 * USUAL)
    queue(world.a1, USUAL + 1, campaign=campaign(world.a1))
    settled(claim(world.a1.scope, stream="marketing", place=place))
    with elsewhere(settings) as other:
        other.execute("SELECT 1 FROM operator_quota_window FOR UPDATE")
        queue(world.a1, 5)
        claiming = Beside(app, world.a1.scope, "marketing", place)
        until_somebody_waits(settings, "_quota_window")
        assert [path for path in place.folder.iterdir() if path.is_file() and str(world.a1.id) in path.name], "the journal is there"
        other.rollback()
        assert len(claiming.ended().cards) == 6


def test_a_limit_that_binds_takes_nothing_too_much(world, place):
    """Where less is granted than was picked, the claim is made anew and takes what is left; nothing of the first attempt stays."""
    with transaction(world.a1.scope):
        quotas.set_allowance(world.a1.scope, layer="tenant", owner_id=world.a1.id, period="month", allowed=7)
    number = campaign(world.a1)
    queue(world.a1, 20, campaign=number)
    before = set(place.folder.iterdir())
    claimed = claim(world.a1.scope, stream="marketing", place=place)
    assert len(claimed.cards) == 7
    assert len(set(place.folder.iterdir()) - before) == 1
    with transaction(world.a1.scope) as live:
        found = live.execute(sa.text("SELECT state, count(*), count(expires_at) FROM message GROUP BY state ORDER BY state")).all()
        assert [tuple(row) for row in found] == [("leased", 7, 7), ("queued", 13, 0)]
        assert live.execute(sa.text("SELECT count(*) FROM lease")).scalar_one() == 1
        assert live.execute(sa.text("SELECT state FROM campaign WHERE id = :id"), {"id": number}).scalar_one() == "waiting"


def test_what_comes_back_is_picked_again_once(world, place):
    """A process goes on from where it picked last, and at the queue's end takes what came back meanwhile; each message once."""
    queue(world.a1, 2 * USUAL + 50, campaign=campaign(world.a1))
    first = claim(world.a1.scope, stream="marketing", place=place)
    second = claim(world.a1.scope, stream="marketing", place=place)
    settled(first, sent=False)
    third = claim(world.a1.scope, stream="marketing", place=place)
    fourth = claim(world.a1.scope, stream="marketing", place=place)
    ids = [{card.id for card in one.cards} for one in (first, second, third, fourth)]
    assert [len(one) for one in ids] == [USUAL, USUAL, USUAL, 50]
    assert not ids[0] & ids[1]
    assert not ids[2] & ids[3]
    assert ids[2] | ids[3] == ids[0] | (ids[2] - ids[0])
    assert claim(world.a1.scope, stream="marketing", place=place) is None


def test_the_start_of_a_queue_is_looked_at_again_soon(world, place, settings, monkeypatch):
    """What somebody held when its turn came does not wait for the end of a queue of a million."""
    queue(world.a1, 3 * USUAL + 50, campaign=campaign(world.a1))
    with elsewhere(settings) as other:
        (held,) = other.execute("SELECT id FROM message ORDER BY not_before LIMIT 1 FOR UPDATE").fetchone()
        first = claim(world.a1.scope, stream="marketing", place=place)
    second = claim(world.a1.scope, stream="marketing", place=place)
    at = clock.monotonic() + picking.LOOK_BACK_SECONDS
    monkeypatch.setattr(clock, "monotonic", lambda: at)
    third = claim(world.a1.scope, stream="marketing", place=place)
    assert [held in {card.id for card in one.cards} for one in (first, second, third)] == [False, False, True]
