"""A running campaign says in words what holds it or sets its pace, for whom, and when it goes on; and gives no ways out away."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from shops import make_shop

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.scope import system
from posthouse.sending.campaigns import queries
from posthouse.sending.campaigns import services as campaigns
from posthouse.sending.forecast.course import course_of, waiting_by_group
from posthouse.sending.pools import health, paces
from posthouse.sending.pools import services as pools
from posthouse.sending.rates import services as rates
from posthouse.sending.rates.rules import Limits
from posthouse.sending.warmup import services as warmup

NOW = datetime(2026, 11, 25, 12, 30, 20, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture
def at():
    with clock.frozen(NOW) as moving:
        yield moving


@pytest.fixture
def pool(app, world):
    with transaction(world.operator):
        made = pools.create_pool(world.operator, name="secret-pool")
        pools.grant_pool(world.operator, pool_id=made, reseller_id=world.a.id, stream="marketing", default=True)
    return made


@pytest.fixture
def running(at, world, pool):
    """Return a campaign on its way, with two who wait at Google and one elsewhere."""
    shop = make_shop(world.a1.scope, name="a1")
    card = shop.campaign()
    with transaction(shop.scope):
        campaigns.start(shop.scope, campaign_id=card.id)
        session(shop.scope).execute(
            sa.text(
                "INSERT INTO campaign_count (tenant_id, campaign_id, facet, part, kind, count) VALUES"
                " (:t, :c, 'domain', 'gmail.com', 'recipients', 5), (:t, :c, 'domain', 'gmail.com', 'sent', 3),"
                " (:t, :c, 'domain', 'x.test', 'recipients', 1)"
            ),
            {"t": shop.scope.tenant, "c": card.id},
        )
        session(shop.scope).execute(sa.text("UPDATE campaign SET state = 'sending'"))
    return shop.scope, card.id


def _route(world, pool, name="one"):
    with transaction(world.operator):
        return pools.add_route(world.operator, pool_id=pool, name=name, host="127.0.0.1", port=2525, tls="none")


def _course(running):
    scope, campaign_id = running
    with transaction(scope):
        found = course_of(scope, queries.get_campaign(scope, campaign_id))
    assert not any("secret" in one.sentence + one.advice for one in found)
    return found


def _hold(scope, **values):
    with transaction(scope):
        rates.note_hold(scope, **{"group": "", "until": NOW + timedelta(minutes=5), **values})


def test_who_waits_is_added_up_by_provider(running):
    """From figures, without a look at messages: two at Google and one elsewhere."""
    scope, _ = running
    figures = {"gmail.com": {"recipients": 5, "sent": 3}, "x.test": {"recipients": 1}, "done.test": {"recipients": 2, "failed": 2}}
    with transaction(scope):
        assert waiting_by_group(scope, figures) == {"google": 2, "other": 1}


def test_a_campaign_that_simply_goes_on_says_nothing(running, world, pool):
    """A free route: nothing holds it. No route at all: that is said."""
    assert [one.code for one in _course(running)] == ["routes_none"]
    _route(world, pool)
    assert _course(running) == ()


def test_breakers_are_told_whole_and_in_part(running, world, pool):
    """One of two servers away: the others carry on; both: nothing leaves, and when they are tried again."""
    first, second = _route(world, pool), _route(world, pool, "two")
    trouble = {"failures": 3, "pause_seconds": 60, "detail": "refused"}
    with transaction(running[0]):
        health.note_trouble(running[0], route_id=first, **trouble)
    [found] = _course(running)
    assert (found.code, found.until) == ("routes_resting_some", NOW + timedelta(seconds=60))
    with transaction(running[0]):
        health.note_trouble(running[0], route_id=second, **trouble)
    [found] = _course(running)
    assert (found.code, found.until) == ("routes_resting", NOW + timedelta(seconds=60))


def test_a_limit_of_the_routes_is_named(running, world, pool):
    """One of two routes has sent its hour's; then both; and for one provider only, with how many wait there."""
    first, second = _route(world, pool), _route(world, pool, "two")
    _hold(running[0], route_id=first, by="hour")
    assert [one.code for one in _course(running)] == ["throttled_some"]
    _hold(running[0], route_id=second, group="google", by="day", until=NOW + timedelta(hours=3))
    google = _course(running)[0]
    assert (google.code, google.until) == ("throttled", NOW + timedelta(minutes=5))
    assert google.advice.startswith("It concerns 2 of those who wait.")
    _hold(running[0], route_id=second, by="hour")
    [found] = _course(running)
    assert (found.code, "this hour" in found.sentence) == ("throttled", True)


def test_a_provider_s_patience_is_told(running, world, pool):
    """The only route is to leave Google alone for a while; others are not held."""
    _hold(running[0], route_id=_route(world, pool), group="google", by="backoff")
    [found] = _course(running)
    assert (found.code, found.until) == ("provider_backoff", NOW + timedelta(minutes=5))
    assert found.sentence.startswith("Google has asked for less mail")


def test_a_warm_up_that_has_sent_its_day_is_told(running, world, pool):
    """Today's stage towards Google is used up: until midnight; a warm route beside it carries the rest."""
    route = _route(world, pool)
    with transaction(world.operator):
        warmup.start(world.operator, route_id=route, stages=(4, 8))
        session(world.operator).execute(
            sa.text("INSERT INTO warmup_day (route_id, domain_group, day, stage, allowed, used) VALUES (:r, 'google', :d, 0, 4, 4)"),
            {"r": route, "d": NOW.date()},
        )
    [found] = _course(running)
    assert (found.code, found.until) == ("warm_up", MIDNIGHT)
    assert "Google" in found.sentence
    _route(world, pool, "warm")
    assert _course(running) == ()


def test_the_pace_is_told_where_it_is_the_limit(running, world, pool):
    """Two a second are allowed, and two were sent: so fast it is. A limit far above says nothing."""
    with clock.frozen(NOW - timedelta(minutes=1)), transaction(system("test")):
        paces.note(system("test"), pool_id=pool, messages=120)
    route = _route(world, pool)
    with transaction(world.operator):
        rates.set_limits(world.operator, route_id=route, limits=Limits(per_second=2))
    [found] = _course(running)
    assert (found.code, "2 a second" in found.sentence) == ("paced", True)
    with transaction(world.operator):
        rates.set_limits(world.operator, route_id=route, limits=Limits(per_second=500))
    assert _course(running) == ()


def test_a_quota_is_told_once(running, world, pool):
    """The campaign waits and the lane is held by the same allowance: one sentence, and when it goes on."""
    _route(world, pool)
    scope, _ = running
    hour = datetime(2026, 11, 25, 13, tzinfo=UTC)
    with transaction(scope):
        live = session(scope)
        values = {"at": hour, "t": scope.tenant, "r": scope.reseller, "p": pool}
        live.execute(sa.text("UPDATE campaign SET state = 'waiting', state_reason = 'It is used up.', resumes_at = :at"), values)
        live.execute(
            sa.text(
                "INSERT INTO lane_tenant (tenant_id, stream, for_reseller_id, pool_id, held_by, resumes_at)"
                " VALUES (:t, 'marketing', :r, :p, 'tenant:hour', :at) ON CONFLICT (tenant_id, stream)"
                " DO UPDATE SET held_by = 'tenant:hour', resumes_at = :at"
            ),
            values,
        )
    [found] = _course(running)
    assert (found.code, found.sentence, found.until) == ("campaign_waiting", "It is used up.", hour)


def test_nothing_is_said_of_what_does_not_run(running, world, pool):
    """Paused: the page says so itself."""
    scope, campaign_id = running
    with transaction(scope):
        campaigns.pause(scope, campaign_id=campaign_id)
    assert _course(running) == ()
