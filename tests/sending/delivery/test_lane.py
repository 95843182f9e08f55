"""A lane sends what is due through real SMTP and writes what became of it; limits, stops and turns are kept."""

import asyncio
import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass

import psycopg
import pytest
import sqlalchemy as sa
from killing import Tiny
from relay import SAY_NOTHING, TAKE_TIME, Relay

from posthouse.platform import clock, stopping
from posthouse.platform.app import bell, create_core
from posthouse.platform.db import db, session, transaction
from posthouse.platform.scope import system
from posthouse.platform.secrets import DoesNotOpen
from posthouse.sending.campaigns import report
from posthouse.sending.content.cards import RenderFailed
from posthouse.sending.delivery import claiming, hosts, journal, sweeper, turns
from posthouse.sending.delivery.claiming import Place, claim
from posthouse.sending.delivery.lane import LaneWorker
from posthouse.sending.delivery.records import Mark
from posthouse.sending.delivery.settlement import Settled, settle
from posthouse.sending.delivery.wire import Reply
from posthouse.sending.messages import queries
from posthouse.sending.pools import services as pools
from posthouse.tenants.quotas import services as quotas
from posthouse.tenants.suppressions.services import suppress

_CAMPAIGN = sa.text("INSERT INTO campaign (tenant_id, name, state, created_at) VALUES (:tenant, 'c', 'sending', :at) RETURNING id")
_MESSAGE = sa.text(
    "INSERT INTO message (tenant_id, campaign_id, contact_id, revision_id, recipient, email_norm, domain, stream, state, not_before, created_at)"
    " SELECT :tenant, :campaign, CASE WHEN CAST(:campaign AS bigint) IS NULL THEN NULL ELSE n END, 1, a, a, 'x.test', :stream, 'queued', :at, :at"
    " FROM (SELECT n, 'r' || n || '@x.test' AS a FROM generate_series(1, :count) AS n) AS k"
)
_names = itertools.count(1)


@dataclass
class Post:
    """A pool to a scripted relay, and shortcuts."""

    app: object
    world: object
    place: Place

    def open(self, port, *, connections=2):
        with transaction(self.world.operator):
            pool = pools.create_pool(self.world.operator, name=f"pool {next(_names)}")
            pools.add_route(
                self.world.operator, pool_id=pool, name="r", host="127.0.0.1", port=port, tls="none", max_connections=connections
            )
            for reseller in (self.world.a, self.world.b):
                for stream in ("marketing", "transactional"):
                    pools.grant_pool(self.world.operator, pool_id=pool, reseller_id=reseller.id, stream=stream, default=True)

    def queue(self, place, count, *, campaign=None, stream="marketing"):
        values = {"tenant": place.id, "campaign": campaign, "count": count, "stream": stream, "at": clock.now()}
        with transaction(place.scope):
            session(place.scope).execute(_MESSAGE, values)

    def campaign(self, place):
        with transaction(place.scope):
            return session(place.scope).execute(_CAMPAIGN, {"tenant": place.id, "at": clock.now()}).scalar_one()

    def one(self, place, query, **values):
        with transaction(place.scope):
            return session(place.scope).execute(sa.text(query), values).first()

    def states(self, place):
        with transaction(place.scope):
            return dict(Counter(session(place.scope).execute(sa.text("SELECT state FROM message")).scalars()))

    def report(self, place, campaign):
        with transaction(place.scope):
            return report.get_report(place.scope, campaign)

    def claim(self, place, stream="marketing"):
        return claim(place.scope, stream=stream, place=self.place)

    async def work(self, until, *, stream="marketing", composer=None, load=None, seconds=15):
        """Work the lane until `until()` holds."""
        load = load or (lambda claimed: {card.revision_id: composer or Tiny() for card in claimed.cards})
        worker = LaneWorker(self.app, stream, clock.monotonic() + seconds, load=load)
        task = asyncio.create_task(worker.run())
        end = time.monotonic() + seconds
        while not task.done() and not until() and time.monotonic() < end:
            await asyncio.sleep(0.02)
        reached = until()
        worker._end_now()
        await task
        stopping.asked.clear()
        assert reached


@pytest.fixture
def post(app, world):
    folder = hosts.folder()
    return Post(app, world, Place(folder, hosts.host_name(folder), "test"))


def test_due_messages_are_sent_and_settled(post, world):
    """Every message has its outcome, its history and its part of the ledger; no journal is left."""

    def script(session_, verb, line):
        if verb == "RCPT" and "r2@" in line:
            return b"550 5.1.1 no such user here\r\n"
        return b"451 4.3.0 try again in 600 seconds\r\n" if verb == "RCPT" and "r3@" in line else None

    async def go():
        async with Relay(script=script) as relay:
            post.open(relay.port)
            post.queue(world.a1, 30, campaign=campaign)
            await post.work(lambda: post.states(world.a1) == {"sent": 28, "failed": 1, "queued": 1})
            return relay

    campaign = post.campaign(world.a1)
    relay = asyncio.run(go())
    assert len(relay.accepted) == 28
    refused = post.one(world.a1, "SELECT * FROM message WHERE recipient = 'r2@x.test'")
    assert (refused.reason, refused.hard, refused.reply_code, refused.reply_status) == ("userunknown", True, 550, "5.1.1")
    assert post.one(world.a1, "SELECT * FROM suppression WHERE address = 'r2@x.test'").reason == "hard_bounce"
    later = post.one(world.a1, "SELECT * FROM message WHERE recipient = 'r3@x.test'")
    assert 500 < (later.not_before - clock.now()).total_seconds() <= 600
    assert post.one(world.a1, "SELECT used, reserved FROM tenant_quota_window WHERE period = 'day'") == (28, 0)
    assert post.one(world.a1, "SELECT count FROM campaign_count WHERE kind = 'sent' AND facet = 'total'") == (28,)
    with transaction(world.a1.scope):
        assert [event.kind for event in queries.history(world.a1.scope, refused.id)] == ["failed"]
    assert [path.name for path in post.place.folder.iterdir() if not path.name.startswith(".")] == ["host-name"]


def test_a_tenant_never_sees_anothers_messages(post, world):
    """Two tenants on one lane and one connection: each has its own."""

    async def go():
        async with Relay() as relay:
            post.open(relay.port)
            post.queue(world.a1, 5)
            post.queue(world.b1, 7)
            await post.work(lambda: (post.states(world.a1), post.states(world.b1)) == ({"sent": 5}, {"sent": 7}))

    asyncio.run(go())
    assert post.states(world.a2) == {}


def test_single_messages_do_not_wait_for_a_slow_server_to_answer_others(post, world):
    """Each that comes while the server thinks gets a lease and a connection of its own."""
    held = 8

    def script(session_, verb, line):
        if verb != "DOT":
            return None
        asked.add(session_.number)
        return SAY_NOTHING

    async def go():
        async with Relay(script=script) as relay:
            post.open(relay.port, connections=held)
            run = asyncio.create_task(post.work(lambda: len(asked) == held, stream="transactional"))
            for number in range(1, held + 1):
                post.queue(world.a1, 1, stream="transactional")
                bell().ring("transactional")
                while len(asked) < number and not run.done():
                    await asyncio.sleep(0.01)
            for talk in list(relay._tasks):
                talk.cancel()
            await run

    asked = set()
    asyncio.run(go())
    assert len(asked) == held


def test_a_limit_holds_and_is_shown_at_the_campaign(post, world):
    """Exactly the quota leaves; the campaign waits, says which limit binds and until when, and goes on when it is raised."""

    async def go():
        async with Relay() as relay:
            post.open(relay.port)
            post.queue(world.a1, 12, campaign=campaign)
            await post.work(lambda: post.states(world.a1) == {"sent": 5, "queued": 7})
            waits = post.one(world.a1, "SELECT state, state_reason, resumes_at FROM campaign")
            held = post.one(world.a1, "SELECT held_by, resumes_at FROM lane_tenant")
            with transaction(world.a1.scope):
                quotas.set_allowance(world.a1.scope, layer="tenant", owner_id=world.a1.id, period="month", allowed=100)
                turns.due_again(world.a1.scope, stream="marketing", due_at=clock.now())
            await post.work(lambda: post.states(world.a1) == {"sent": 12})
            return waits, held, len(relay.accepted)

    campaign = post.campaign(world.a1)
    with transaction(world.a1.scope):
        quotas.set_allowance(world.a1.scope, layer="tenant", owner_id=world.a1.id, period="month", allowed=5)
    waits, held, accepted = asyncio.run(go())
    assert (waits.state, waits.state_reason) == ("waiting", "Your allowance of 5 messages for this month is used up.")
    assert held == ("tenant:month", waits.resumes_at)
    assert waits.resumes_at.day == 1
    assert accepted == 12
    assert post.one(world.a1, "SELECT state FROM campaign").state == "starting", "its recipients were never all written here"


def test_the_suppressed_and_the_late_are_dropped_at_the_claim(post, world):
    """They get their outcome without using quota."""
    post.open(1)
    post.queue(world.a1, 3)
    with transaction(world.a1.scope):
        suppress(world.a1.scope, email="r1@x.test", reason="unsubscribe", source="test")
        session(world.a1.scope).execute(sa.text("UPDATE message SET expires_at = :at WHERE recipient = 'r2@x.test'"), {"at": clock.now()})
    claimed = post.claim(world.a1)
    assert [card.recipient for card in claimed.cards] == ["r3@x.test"]
    assert post.states(world.a1) == {"suppressed": 1, "expired": 1, "leased": 1}
    assert post.one(world.a1, "SELECT reserved FROM tenant_quota_window WHERE period = 'day'") == (1,)
    claimed.journal.remove()


@pytest.mark.parametrize("state", ["paused", "stopped", "draft", "finished"])
def test_a_campaign_that_may_not_send_is_not_claimed(post, world, state):
    """Its messages stay where they are."""
    post.open(1)
    post.queue(world.a1, 3, campaign=post.campaign(world.a1))
    with transaction(world.a1.scope):
        session(world.a1.scope).execute(sa.text("UPDATE campaign SET state = :state"), {"state": state})
    assert post.claim(world.a1) is None
    assert post.states(world.a1) == {"queued": 3}


_HALTS = {
    "the campaign is paused": ("UPDATE campaign SET state = 'paused'", "a1", "queued"),
    "the campaign is stopped": ("UPDATE campaign SET state = 'stopped'", "a1", "cancelled"),
    "the account is suspended": ("UPDATE tenant SET state = 'suspended'", "a", "queued"),
    "its mail is held": (
        (
            "INSERT INTO standing (reseller_id, for_tenant_id, stream, grade, since)"
            " SELECT reseller_id, id, 'marketing', 'held', now() FROM tenant WHERE name = 'Tenant a1'"
        ),
        "a",
        "queued",
    ),
}


@pytest.mark.parametrize("halt", list(_HALTS))
def test_a_halt_is_kept_within_two_seconds(post, world, halt):
    """After it commits nothing leaves later than two seconds; the rest goes back to the queue, or is cancelled for good."""
    statement, by, left = _HALTS[halt]

    async def go():
        async with Relay(script=slow) as relay:
            post.open(relay.port)
            post.queue(world.a1, 200, campaign=campaign)

            def tell():
                if not halted and len(relay.accepted) >= 5:
                    scope = getattr(world, by).scope
                    with transaction(scope):
                        session(scope).execute(sa.text(statement))
                    halted.append(time.monotonic())
                    in_flight.append(post.report(world.a1, campaign).in_flight)
                return bool(halted) and set(post.states(world.a1)) == {"sent", left}

            await post.work(tell)
            return len(relay.accepted)

    def slow(session_, verb, line):
        if verb == "DOT":
            last.append(time.monotonic())
            return [TAKE_TIME, b"250 2.0.0 ok\r\n"]
        return None

    last, halted, in_flight = [], [], []
    campaign = post.campaign(world.a1)
    accepted = asyncio.run(go())
    assert accepted < 200
    assert post.states(world.a1) == {"sent": accepted, left: 200 - accepted}
    assert max(last) - halted[0] < 2.0
    assert in_flight[0] > 0
    assert post.report(world.a1, campaign).in_flight == 0, "the page says so"


def test_two_who_pause_and_go_on_at_once_harm_nothing(post, world):
    """However often and by however many hands it is halted and let go: each remaining recipient gets it exactly once."""
    campaign = post.campaign(world.a1)
    over = threading.Event()

    def hand():
        with post.app.app_context():
            for state in itertools.cycle(("paused", "sending", "sending")):
                with transaction(world.a1.scope):
                    session(world.a1.scope).execute(sa.text("UPDATE campaign SET state = :state"), {"state": state})
                    turns.due_again(world.a1.scope, stream="marketing", due_at=clock.now())
                if over.wait(0.15) and state == "sending":
                    return

    async def go():
        async with Relay(script=lambda _s, verb, _l: [TAKE_TIME, b"250 2.0.0 ok\r\n"] if verb == "DOT" else None) as relay:
            post.open(relay.port)
            post.queue(world.a1, 200, campaign=campaign)
            hands = [threading.Thread(target=hand) for _ in range(2)]
            for one in hands:
                one.start()
            try:
                await post.work(lambda: post.states(world.a1) == {"sent": 200}, seconds=60)
            finally:
                over.set()
                for one in hands:
                    one.join()
            return [recipient for recipient, _ in relay.accepted]

    accepted = asyncio.run(go())
    assert (len(accepted), len(set(accepted))) == (200, 200)


def test_a_letter_that_cannot_be_made_fails_alone(post, world):
    """Its reason is kept; its neighbours leave."""

    class Picky(Tiny):
        def compose_all(self, cards):
            refusal = RenderFailed("subject_empty", "The subject is empty for this contact.")
            return [refusal if card.recipient == "r2@x.test" else one for card, one in zip(cards, super().compose_all(cards), strict=True)]

    async def go():
        async with Relay() as relay:
            post.open(relay.port)
            post.queue(world.a1, 3)
            await post.work(lambda: post.states(world.a1) == {"sent": 2, "failed": 1}, composer=Picky())

    asyncio.run(go())
    row = post.one(world.a1, "SELECT reason, hard FROM message WHERE recipient = 'r2@x.test'")
    assert tuple(row) == ("The subject is empty for this contact.", False)


def test_one_tenants_key_that_does_not_open_holds_up_nobody_else(post, world):
    """What can't be made at all is put off, for longer each time, and the others' mail leaves by the same worker."""

    def load(claimed):
        if claimed.scope.tenant == world.a1.id:
            raise DoesNotOpen("sending_domain.dkim_sealed of row 7 does not open")
        return {card.revision_id: Tiny() for card in claimed.cards}

    async def go():
        async with Relay() as relay:
            post.open(relay.port)
            post.queue(world.a1, 2)
            post.queue(world.b1, 3)
            await post.work(lambda: put_off() == 2 and post.states(world.b1) == {"sent": 3}, load=load)

    def put_off():
        return post.one(world.a1, "SELECT count(*) FROM message WHERE attempts = 1 AND not_before > now() + interval '30 s'")[0]

    asyncio.run(go())
    row = post.one(world.a1, "SELECT state, reply_text FROM message LIMIT 1")
    assert (row.state, "dkim" in row.reply_text) == ("queued", False)


def test_a_route_whose_password_does_not_open_leaves_the_others_at_work(post, world, settings):
    """A damaged secret rests that route alone: mail leaves by the pool's other one."""

    async def go():
        async with Relay() as relay:
            post.open(relay.port)
            with transaction(world.operator):
                pool = session(world.operator).execute(sa.text("SELECT pool_id FROM route")).scalar_one()
                values = {"host": "127.0.0.1", "port": relay.port, "tls": "none", "username": "u", "password": "p"}
                pools.add_route(world.operator, pool_id=pool, name="damaged", **values)
            with psycopg.connect(settings.database_url, autocommit=True) as admin:
                admin.execute("UPDATE route SET password_sealed = password_sealed || '\\x00' WHERE name = 'damaged'")
            post.queue(world.a1, 3)
            await post.work(lambda: post.states(world.a1) == {"sent": 3})

    asyncio.run(go())


def test_a_lease_that_cannot_be_settled_is_left_to_the_sweeper_and_harms_no_other(post, world, settings):
    """A journal that trips the settlement stays, with its lock free; those behind it are settled in the same round."""
    post.open(1)
    post.queue(world.a1, 1)
    first = post.claim(world.a1)
    post.queue(world.a2, 1)
    second = post.claim(world.a2)
    for claimed in (first, second):
        claimed.journal.intend(claimed.cards[0].id, 1)
        claimed.journal.record(Mark.SENT, claimed.cards[0].id, Reply(250, "2.0.0", "ok"), "dot")
    # A code that no column holds, as a damaged disk may write it.
    first.journal._append(f"O {first.cards[0].id} 99999999999999999999 - dot ok\n")
    for claimed in (first, second):
        claimed.journal.close()
    for _ in range(2):
        sweeper.sweep_folder(post.place.folder)
    assert post.states(world.a2) == {"sent": 1}
    (left,) = journal.abandoned(post.place.folder)
    left.journal.close()
    assert left.replay.lease_id == first.lease_id


def test_a_relay_that_is_down_costs_nobody_a_message(post, world):
    """Messages go back unsent, the route rests and says why."""

    async def go():
        post.open(1)
        post.queue(world.a1, 4)
        await post.work(lambda: route().failures > 0 and post.states(world.a1) == {"queued": 4})

    def route():
        with transaction(world.operator):
            return session(world.operator).execute(sa.text("SELECT failures, last_error FROM route")).one()

    asyncio.run(go())
    assert "127.0.0.1" in route().last_error
    assert post.one(world.a1, "SELECT sum(attempts) AS tries, sum(reserved) AS held FROM message, tenant_quota_window") == (0, 0)


def test_a_lease_is_settled_once(post, world):
    """A repeated settlement finds it closed and changes nothing; another tenant can't touch it."""
    post.open(1)
    post.queue(world.a1, 2)
    claimed = post.claim(world.a1)
    assert settle(world.a2.scope, lease_id=claimed.lease_id, word=lambda _: None, by="x") is Settled.INVISIBLE
    assert settle(world.a1.scope, lease_id=claimed.lease_id, word=lambda _: None, by="x") is Settled.DONE
    assert settle(world.a1.scope, lease_id=claimed.lease_id, word=sweeper._nobody_knows, by="x") is Settled.BEFORE
    assert post.states(world.a1) == {"queued": 2}
    claimed.journal.remove()


def test_the_sweeper_settles_what_the_dead_left(post, world):
    """Replied is final, intent alone unknown, no line goes again; the file is gone after."""
    post.open(1)
    post.queue(world.a1, 3)
    claimed = post.claim(world.a1)
    assert sweeper.sweep_folder(post.place.folder) == 0, "the holder lives"
    first, second, _ = (card.id for card in claimed.cards)
    claimed.journal.intend(first, 1)
    claimed.journal.record(Mark.SENT, first, Reply(250, "2.0.0", "ok"), "dot")
    claimed.journal.intend(second, 1)
    claimed.journal.close()
    assert sweeper.sweep_folder(post.place.folder) == 1
    assert post.states(world.a1) == {"sent": 1, "unknown": 1, "queued": 1}
    assert sweeper.sweep_folder(post.place.folder) == 0


def test_a_journal_without_a_visible_lease_is_kept_until_its_commit_is_impossible(post, world):
    """The hole of one in 3,000: the COMMIT of a dead claimer may still arrive."""
    until = int(clock.now().timestamp()) + 60
    journal.create(post.place.folder, world.a1.id, 999, until, reseller_id=world.a.id).close()
    named = post.place.folder / f"{world.a1.id}-999"
    sweeper.sweep_folder(post.place.folder)
    assert named.exists()
    with clock.frozen(clock.now()) as at:
        at.move(seconds=61)
        sweeper.sweep_folder(post.place.folder)
    assert not named.exists()


def test_a_failed_claim_leaves_nothing(post, world):
    """Without a place for the journal the transaction rolls back: no lease, no reservation."""
    post.open(1)
    post.queue(world.a1, 2)
    with pytest.raises(journal.JournalFailed):
        claim(world.a1.scope, stream="marketing", place=Place(post.place.folder / "gone", "h", "w"))
    assert post.states(world.a1) == {"queued": 2}
    assert post.one(world.a1, "SELECT count(*) FROM lease") == (0,)
    assert post.one(world.a1, "SELECT coalesce(sum(reserved), 0) FROM tenant_quota_window") == (0,)


def test_the_leases_of_a_lost_host_are_given_up(post, world, settings):
    """Long after their end, without a journal or a sign of the host, all of it is unknown; a living host keeps its own."""
    post.open(1)
    post.queue(world.a1, 2)
    claimed = post.claim(world.a1)
    scheduler = create_core(settings, process="scheduler")
    with scheduler.app_context(), clock.frozen(clock.now()) as at:
        at.move(minutes=12)
        assert sweeper.give_up_lost(system("test")) == 0, "its journal is here"
        claimed.journal.remove()
        assert sweeper.give_up_lost(system("test")) == 1
        assert sweeper.give_up_lost(system("test")) == 0
        for engine in db.engines.values():
            engine.dispose()
    assert post.states(world.a1) == {"unknown": 2}


def test_turns_are_shared_by_weight(post, world):
    """A tenant with three times the weight gets three times the turns, and one that slept saves none up."""
    for place in (world.a1, world.b1):
        post.queue(place, 1)
    with transaction(world.a1.scope):
        turns.set_weight(world.a1.scope, stream="marketing", weight=3)

    def take(number):
        scope = system("test")
        for _ in range(number):
            with transaction(scope):
                yield turns.next_turn(scope, stream="marketing").tenant_id

    got = Counter(take(80))
    assert abs(got[world.a1.id] - 60) <= 1
    post.queue(world.a2, 1)
    late = Counter(take(50))
    assert 8 <= late[world.a2.id] <= 12
    with transaction(system("x")) as live:
        assert live.execute(sa.text("SELECT count(*) FROM lane_tenant")).scalar_one() == 0, "no tenant's lane is seen without its scope"


def test_a_sleeping_lane_is_woken_when_its_messages_are_due(post, world):
    """A wake-up that was missed is made up for from the tables."""
    post.queue(world.a1, 1)
    with transaction(world.a1.scope):
        session(world.a1.scope).execute(sa.text("UPDATE lane_tenant SET due_at = NULL"))
    scope = system("test")
    with transaction(scope):
        assert turns.next_turn(scope, stream="marketing") is None
    with transaction(scope):
        assert turns.wake_lanes(scope) == ["marketing"]
    with transaction(scope):
        assert turns.next_turn(scope, stream="marketing").tenant_id == world.a1.id


def test_a_suspended_tenant_sends_nothing(post, world):
    """Its lane rests, its messages stay."""
    post.open(1)
    post.queue(world.a1, 2)
    with transaction(world.a.scope):
        session(world.a.scope).execute(sa.text("UPDATE tenant SET state = 'suspended' WHERE id = :id"), {"id": world.a1.id})
    assert post.claim(world.a1) is None
    assert post.one(world.a1, "SELECT held_by FROM lane_tenant") == ("account",)
    assert claiming.MAY_SEND == ("active", "grace")


_BROKEN_COMMIT = (
    "CREATE FUNCTION no_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the COMMIT fails'; END $$",
    "CREATE CONSTRAINT TRIGGER no_commit AFTER INSERT ON lease DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION no_commit()",
)


def test_a_claim_whose_commit_failed_lets_go_of_its_journal(post, world, settings):
    """Whoever sweeps next may take it up at once, though the worker that claimed lives on; nothing was leased."""
    with psycopg.connect(settings.database_url, autocommit=True) as admin:
        for statement in _BROKEN_COMMIT:
            admin.execute(statement)
    post.open(1)
    post.queue(world.a1, 3, campaign=post.campaign(world.a1))
    with pytest.raises(sa.exc.SQLAlchemyError, match="the COMMIT fails"):
        post.claim(world.a1)
    (left,) = journal.abandoned(post.place.folder)
    left.journal.close()
    assert post.states(world.a1) == {"queued": 3}


_NO_WINDOW = (
    "CREATE FUNCTION no_window() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the reservation fails'; END $$",
    "CREATE TRIGGER no_window BEFORE INSERT OR UPDATE ON tenant_quota_window FOR EACH ROW EXECUTE FUNCTION no_window()",
)


def test_a_claim_whose_reservation_fails_lets_go_of_its_journal(post, world, settings):
    """What fails after the journal was made, within the claim, leaves no open file that nobody could take up."""
    with psycopg.connect(settings.database_url, autocommit=True) as admin:
        for statement in _NO_WINDOW:
            admin.execute(statement)
    post.open(1)
    post.queue(world.a1, 3)
    with pytest.raises(sa.exc.SQLAlchemyError, match="the reservation fails"):
        post.claim(world.a1)
    assert [path.name for path in post.place.folder.iterdir() if not path.name.startswith(".")] == ["host-name"]
    assert post.states(world.a1) == {"queued": 3}
