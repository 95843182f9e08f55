"""What servers answer is counted by route and minute, and how they put off or refused is kept in their words, without addresses."""

import asyncio
import re
from datetime import timedelta

import psycopg
import pytest
import sqlalchemy as sa
from relay import Relay
from ways import Ways

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.errors import Forbidden
from posthouse.platform.scope import system
from posthouse.sending.delivery import keeping
from posthouse.sending.delivery.conversation import Verdict
from posthouse.sending.delivery.slots import Slots
from posthouse.sending.delivery.tally import MOST_WORDS, Tally
from posthouse.sending.delivery.ways import Way
from posthouse.sending.delivery.wire import Reply
from posthouse.sending.pools import health, live
from posthouse.sending.rates import jobs


@pytest.fixture
def ways(app, world):
    return Ways(app, world)


def _moody(_session, verb, line):
    """Put a third off and refuse another third, each time with another number and the recipient's address."""
    if verb != "RCPT":
        return None
    number = int(re.search(r"<r(\d+)@", line)[1])
    if number % 3 == 1:
        return f"451 4.2.1 <someone{number}@x.test> busy, id a{number}f9\r\n".encode()
    return f"550 5.1.1 no mailbox someone{number}@x.test\r\n".encode() if number % 3 == 2 else None


def test_answers_are_counted_and_quoted(ways, world):
    """Each answer counts once; one wording stands for all that differ in numbers and addresses only."""

    async def go():
        async with Relay(script=_moody) as relay:
            _, routes = ways.pool(relay.port, max_connections=1)
            ways.queue(world.a1, 30)
            await ways.work(lambda: ways.states(world.a1) == {"sent": 10, "failed": 10, "queued": 10})
            return routes[0], ways.states(world.a1)

    route, states = asyncio.run(go())
    figures = ways.act(live.figures_of, route_ids=[route])[route]
    assert (figures.hour, figures.day, figures.refused) == (states["sent"], states["sent"], states["failed"])
    assert figures.per_minute > 0
    assert figures.deferred == 10
    replies = {one.code: one for one in ways.act(live.replies_of, route_id=route)}
    assert set(replies) == {451, 550}
    assert (replies[550].count, replies[451].count) == (figures.refused, figures.deferred)
    assert replies[550].group == "other"
    assert "no mailbox …@x.test" in replies[550].text
    assert "someone" not in replies[451].text + replies[550].text
    with pytest.raises(Forbidden), transaction(world.a1.scope):
        live.replies_of(world.a1.scope, route_id=route)


def test_what_is_old_is_forgotten(ways, world):
    """After a day neither figures nor words are left."""
    _, (route,) = ways.pool(2525)
    with clock.frozen(clock.now()) as at:
        with transaction(world.a1.scope):
            health.note_answers(world.a1.scope, route_id=route, sent=3, deferred=1, refused=0, lost=0)
            health.note_wording(world.a1.scope, route_id=route, group="other", code=451, shape="later", text="later", count=1)
        assert ways.act(live.figures_of, route_ids=[route])[route].day == 3
        at.move(seconds=timedelta(hours=2).total_seconds())
        figures = ways.act(live.figures_of, route_ids=[route])[route]
        assert (figures.per_minute, figures.hour, figures.day, figures.deferred) == (0, 0, 3, 0)
        at.move(seconds=timedelta(hours=23).total_seconds())
        for _ in range(2):
            jobs.forget_spent(system("job"))
        assert ways.act(live.figures_of, route_ids=[route])[route].day == 0
        assert ways.act(live.replies_of, route_id=route) == []


def test_a_server_that_says_something_new_each_time_fills_nothing():
    """It is counted to the last answer, and quoted up to a bound."""
    tally = Tally()
    words = [f"{'x' * (number % 7)} {chr(97 + number % 26)}{chr(97 + number // 26 % 26)}" for number in range(1_000)]
    for word in words:
        tally.note("other", Verdict.DEFERRED, Reply(451, None, word))
    tally.note("other", Verdict.REFUSED, Reply(0, None, ""))
    counts, said = tally.take()
    assert counts == (0, 1_000, 0, 1)
    assert len(said) == MOST_WORDS
    assert tally.take() == ((0, 0, 0, 0), {})


def test_a_table_that_somebody_holds_delays_no_worker_s_end(ways, world, settings, monkeypatch):
    """What can't be written within the time for locks is left, and said by the next note; every message has its outcome, the worker ends."""
    monkeypatch.setattr(keeping, "LOCK_MILLISECONDS", 300)

    async def go():
        async with Relay() as relay:
            ways.pool(relay.port)
            ways.queue(world.a1, 20)
            with psycopg.connect(settings.database_url) as other:
                other.execute("LOCK TABLE route_tally IN ACCESS EXCLUSIVE MODE")
                begun = clock.monotonic()
                await ways.work(lambda: ways.states(world.a1) == {"sent": 20})
                return clock.monotonic() - begun

    assert asyncio.run(go()) < 10
    assert ways.states(world.a1) == {"sent": 20}


def test_a_note_that_fails_leaves_everything_to_the_next_one(app, world, settings, monkeypatch):
    """Neither what servers answered nor what a pool carried is forgotten; written, nothing is left to write."""
    monkeypatch.setattr(keeping, "LOCK_MILLISECONDS", 200)
    ways = Ways(app, world)
    pool, (route,) = ways.pool(2525)
    slots = Slots(route, worker="test", stream="marketing", exchange=keeping.exchange)
    way = Way(keeping.known(system("test"), pool).logins[0], 1, 1, asyncio.to_thread, slots)
    for _ in range(3):
        way.tally.note("other", Verdict.SENT, Reply(250, None, "ok"))
    with psycopg.connect(settings.database_url) as other:
        other.execute("LOCK TABLE route_tally IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(sa.exc.OperationalError):
            keeping.note_ways([way], {pool: 3})
    keeping.note_ways([way], {pool: 3})
    keeping.note_ways([way], {})
    assert ways.act(live.figures_of, route_ids=[route])[route].day == 3
    with psycopg.connect(settings.database_url) as other:
        assert other.execute("SELECT sum(messages) FROM pool_pace WHERE pool_id = %s", [pool]).fetchone() == (3,)


def test_what_could_not_be_written_comes_with_the_next_note():
    """Counts and words that were taken and given back are taken again, with what came meanwhile."""
    tally = Tally()
    tally.note("other", Verdict.SENT, Reply(250, None, "ok"))
    tally.note("other", Verdict.DEFERRED, Reply(451, None, "later"))
    taken = tally.take()
    tally.note("other", Verdict.DEFERRED, Reply(451, None, "later"))
    tally.give_back(*taken)
    counts, said = tally.take()
    assert counts == (1, 2, 0, 0)
    assert [one.count for one in said.values()] == [2]
