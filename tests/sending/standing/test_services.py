"""A tenant whose mail bounces or is complained of is warned, slowed, held and suspended; the others in the pool notice nothing."""

import asyncio

import pytest
import sqlalchemy as sa
from relay import Relay
from ways import Ways

from posthouse.platform import clock
from posthouse.platform.audit import list_entries
from posthouse.platform.db import session, transaction
from posthouse.platform.errors import Forbidden, Invalid, Missing
from posthouse.sending.delivery.claiming import claim
from posthouse.sending.delivery.holds import list_holds
from posthouse.sending.messages.services import record_bounce, record_complaint
from posthouse.sending.replies.rules import classify
from posthouse.sending.standing import queries, services
from posthouse.sending.standing.rules import SLOW_MESSAGES, Grade


@pytest.fixture
def ways(app, world):
    return Ways(app, world)


def _count(place, **figures):
    with transaction(place.scope):
        services.count(place.scope, **{"stream": "marketing", "sent_at": clock.now(), **figures})


def _grade(place, stream="marketing"):
    with transaction(place.scope):
        return queries.grade(place.scope, stream=stream)


def _claim(ways, place, stream="marketing"):
    return claim(place.scope, stream=stream, place=ways.place)


def _holds(place):
    with transaction(place.scope):
        return {hold.stream: hold.by for hold in list_holds(place.scope)}


def test_one_tenant_at_five_percent_complaints(ways, world):
    """Through real SMTP: the one is stopped in the middle of its mail, its neighbours of the same pool get all theirs out."""

    async def go():
        async with Relay() as relay:
            ways.pool(relay.port)
            ways.queue(world.a1, 1_000)
            await ways.work(lambda: ways.states(world.a1) == {"sent": 1_000})
            with transaction(world.a1.scope):
                ids = session(world.a1.scope).execute(sa.text("SELECT id FROM message ORDER BY id LIMIT 50")).scalars().all()
            for message_id in ids:
                for _ in range(2):  # providers repeat themselves
                    with transaction(world.a1.scope):
                        record_complaint(world.a1.scope, message_id, "fbl")
            for place in (world.a1, world.a2, world.b1):
                ways.queue(place, 300, name="later")
            done = {"sent": 300}
            await ways.work(lambda: ways.states(world.a2) == done and ways.states(world.b1) == done)

    asyncio.run(go())
    assert ways.states(world.a1) == {"sent": 1_000, "queued": 300}
    assert [_grade(place) for place in (world.a1, world.a2, world.b1)] == [Grade.SUSPENDED, Grade.WELL, Grade.WELL]
    assert _holds(world.a1) == {"marketing": "suspended"}
    with transaction(world.a1.scope):
        (card,) = queries.own_standing(world.a1.scope)
    assert (card.measure, card.window, card.events, card.sent) == ("complaints", "day", 50, 1_000)


def test_grades_fall_step_by_step_and_say_so(ways, world):
    """Each step is in both logs, once."""
    _count(world.a1, sent=10_000)
    for more, grade in ((10, Grade.WARNED), (20, Grade.SLOWED), (20, Grade.HELD), (50, Grade.SUSPENDED)):
        _count(world.a1, complaints=more)
        assert _grade(world.a1) is grade
    for scope in (world.a1.scope, world.a.scope):
        with transaction(scope):
            verbs = [entry.verb for entry in list_entries(scope) if entry.verb.startswith("standing.")]
        assert verbs == ["standing.suspended", "standing.held", "standing.slowed", "standing.warned"]


def test_a_slowed_tenant_gets_few_letters_a_minute(ways, world):
    """Fifty, then a pause that new messages don't shorten; transactional mail is its own stream."""
    _count(world.a1, sent=10_000, complaints=30)
    assert _grade(world.a1) is Grade.SLOWED
    ways.pool(2525)
    with clock.frozen(clock.now()) as at:
        ways.queue(world.a1, 150)
        ways.queue(world.a1, 80, stream="transactional", name="t")
        first = _claim(ways, world.a1)
        ways.queue(world.a1, 150, name="more")
        assert (len(first.cards), _claim(ways, world.a1)) == (SLOW_MESSAGES, None)
        assert _holds(world.a1) == {"marketing": "slowed"}
        other = _claim(ways, world.a1, "transactional")
        at.move(seconds=61)
        second = _claim(ways, world.a1)
        assert (len(second.cards), len(other.cards)) == (SLOW_MESSAGES, 80)
    for claimed in (first, second, other):
        claimed.journal.remove()


def test_warned_and_slowed_mend_by_good_mail(ways, world):
    """Only while nothing worse came; held stays."""
    _count(world.a1, sent=1_000, bounces=60)
    assert _grade(world.a1) is Grade.SLOWED
    _count(world.a1, sent=9_000)
    assert _grade(world.a1) is Grade.WELL
    _count(world.a2, sent=1_000, bounces=150)
    _count(world.a2, sent=99_000)
    assert _grade(world.a2) is Grade.HELD


def test_what_is_long_ago_counts_no_more(ways, world):
    """Complaints count where their message was sent; after a week nobody remembers."""
    with clock.frozen(clock.now()) as at:
        _count(world.a1, sent=10_000, complaints=20)
        sent_at = clock.now()
        at.move(seconds=8 * 86_400)
        _count(world.a1, sent=1_000)
        assert _grade(world.a1) is Grade.WELL
        _count(world.a1, sent_at=sent_at, complaints=500)
        assert _grade(world.a1) is Grade.WELL


def test_bounces_count_once_and_only_those_that_last(ways, world):
    """A full mailbox is nobody's fault; a report of a message that was refused at once adds nothing."""
    ways.queue(world.a1, 3)
    with transaction(world.a1.scope):
        ids = session(world.a1.scope).execute(sa.text("SELECT id FROM message ORDER BY id")).scalars().all()
        session(world.a1.scope).execute(sa.text("UPDATE message SET hard = true WHERE id = :id"), {"id": ids[2]})
    hard, soft = classify(550, "5.1.1", "no such user", stage="rcpt"), classify(552, "5.2.2", "mailbox full", stage="rcpt")
    for message_id, found in ((ids[0], hard), (ids[0], hard), (ids[1], soft), (ids[2], hard)):
        with transaction(world.a1.scope):
            record_bounce(world.a1.scope, message_id, found, "dsn")
    with transaction(world.a1.scope):
        assert queries.figures(world.a1.scope, stream="marketing")["day"].bounces == 1


def test_a_reseller_releases_its_tenant_on_the_record(ways, world):
    """What was counts no more; the note is kept; another reseller's tenant isn't there."""
    with clock.frozen(clock.now()) as at:
        _count(world.a1, sent=1_000, complaints=60)
        with transaction(world.b.scope), pytest.raises(Missing):
            services.release(world.b.scope, tenant_id=world.a1.id, note="mine")
        for scope in (world.a1.scope, world.a2.scope):
            with transaction(scope), pytest.raises(Forbidden):
                services.release(scope, tenant_id=world.a1.id, note="let me")
        with transaction(world.a.scope), pytest.raises(Invalid):
            services.release(world.a.scope, tenant_id=world.a1.id, note=" ")
        with transaction(world.a.scope):
            assert [card.tenant_id for card in queries.list_standings(world.a.scope)] == [world.a1.id]
            services.release(world.a.scope, tenant_id=world.a1.id, note="A bought list; deleted.")
        assert _grade(world.a1) is Grade.WELL
        at.move(seconds=700)
        _count(world.a1, sent=1_000, complaints=1)
        assert _grade(world.a1) is Grade.WELL
        _count(world.a1, complaints=30)
        assert _grade(world.a1) is Grade.SUSPENDED
    with transaction(world.a.scope):
        assert list_entries(world.a.scope)[1].facts["note"] == "A bought list; deleted."


def test_the_operator_sets_floors_and_sees_everybody(ways, world):
    """A reseller may be stricter than the operator, never laxer; a foreign reseller's limits are its own."""
    with transaction(world.operator):
        services.set_limit(world.operator, measure="complaints", grade="held", share=4_000)
    with transaction(world.a.scope), pytest.raises(Invalid):
        services.set_limit(world.a.scope, measure="complaints", grade="held", share=4_500)
    with transaction(world.a.scope):
        services.set_limit(world.a.scope, measure="complaints", grade="held", share=2_000)
    for place in (world.a1, world.b1):
        _count(place, sent=10_000, complaints=25)
    assert (_grade(world.a1), _grade(world.b1)) == (Grade.HELD, Grade.WARNED)
    with transaction(world.operator):
        assert {card.tenant_id for card in queries.list_standings(world.operator)} == {world.a1.id, world.b1.id}
        services.release(world.operator, tenant_id=world.a1.id, note="Looked at it.")
    with transaction(world.a1.scope), pytest.raises(Forbidden):
        services.set_limit(world.a1.scope, measure="complaints", grade="held", share=1)
    for wrong in ({"measure": "opens", "grade": "held"}, {"measure": "bounces", "grade": "well"}):
        with transaction(world.operator), pytest.raises(Invalid):
            services.set_limit(world.operator, share=1, **wrong)
