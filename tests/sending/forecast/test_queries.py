"""A campaign's forecast comes from its list, the pool's pace, its neighbours and its limits, and from nothing of others that has a name."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa
from shops import make_shop

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.errors import Missing
from posthouse.platform.scope import system
from posthouse.sending.campaigns import services as campaigns
from posthouse.sending.campaigns.jobs import expand_campaign
from posthouse.sending.forecast.queries import forecast_campaign
from posthouse.sending.pools import paces
from posthouse.sending.pools import services as pools
from posthouse.sending.pools.jobs import forget_paces
from posthouse.sending.rates import services as rates
from posthouse.sending.rates.rules import Limits
from posthouse.sending.warmup import services as warmup
from posthouse.tenants.quotas import services as quotas

NOW = datetime(2026, 11, 25, 12, 30, 20, tzinfo=UTC)


@pytest.fixture
def pool(app, world):
    with transaction(world.operator):
        made = pools.create_pool(world.operator, name="shared")
        for reseller in (world.a, world.b):
            pools.grant_pool(world.operator, pool_id=made, reseller_id=reseller.id, stream="marketing", default=True)
    return made


@pytest.fixture
def at():
    with clock.frozen(NOW) as moving:
        yield moving


def _pace(pool, messages, *, ago):
    scope = system("test")
    with clock.frozen(NOW - ago), transaction(scope):
        paces.note(scope, pool_id=pool, messages=messages)
        paces.note(scope, pool_id=pool, messages=0)


def _route(world, pool, name="one", *, stages=None, group="", **limits):
    """A route of a pool with limits and, with stages, a warm-up; returns its id."""
    with transaction(world.operator):
        made = pools.add_route(world.operator, pool_id=pool, name=name, host="127.0.0.1", port=2525, tls="none")
        if limits:
            rates.set_limits(world.operator, route_id=made, group=group, limits=Limits(**limits))
        if stages:
            warmup.start(world.operator, route_id=made, stages=stages)
    return made


def _take(route, *, per_hour, at):
    scope = system("test")
    with clock.frozen(at), transaction(scope):
        assert rates.take(scope, route_id=route, group="", limits=Limits(per_hour=per_hour), wanted=1).amount == 1


def _forecast(shop, campaign):
    with transaction(shop.scope):
        return forecast_campaign(shop.scope, campaign.id)


def test_nothing_is_made_up_before_a_pool_has_carried_anything(at, world, pool):
    """No pace, no forecast."""
    shop = make_shop(world.a1.scope, name="a1")
    assert _forecast(shop, shop.campaign()) is None


def test_a_draft_is_forecast_from_its_list(at, world, pool):
    """Three people at one message a second; the busiest of the last three whole minutes counts, not the one that runs."""
    _pace(pool, 60, ago=timedelta(minutes=2))
    _pace(pool, 6_000, ago=timedelta(seconds=5))
    shop = make_shop(world.a1.scope, name="a1")
    found = _forecast(shop, shop.campaign())
    assert (found.waiting, found.per_second, found.seconds, found.waits) == (3, 1.0, 3, ())


def test_a_pool_that_has_little_to_do_carries_more_than_it_does(at, world, pool):
    """Two messages in the last minute say nothing while nobody has more to send; once somebody has, they are the pace."""
    _pace(pool, 120, ago=timedelta(hours=1))
    _pace(pool, 6, ago=timedelta(minutes=1))
    shop = make_shop(world.a1.scope, name="a1")
    campaign = shop.campaign()
    assert _forecast(shop, campaign).per_second == 2.0
    with transaction(shop.scope):
        campaigns.start(shop.scope, campaign_id=campaign.id)
    assert _forecast(shop, campaign).per_second == 2.0
    at.move(minutes=3)
    _pace(pool, 6, ago=-timedelta(minutes=2))
    assert _forecast(shop, campaign).per_second == 0.1


def test_what_receivers_put_off_is_not_done_before_it_is_tried_again(at, world, pool, settings):
    """Three people at one message a second, one of whom is tried again in twenty minutes."""
    _pace(pool, 60, ago=timedelta(minutes=2))
    shop = make_shop(world.a1.scope, name="a1")
    campaign = shop.campaign()
    with transaction(shop.scope):
        campaigns.start(shop.scope, campaign_id=campaign.id)
    expand_campaign(shop.scope, campaign_id=campaign.id)
    with psycopg.connect(settings.database_url) as live:
        live.execute("UPDATE message SET not_before = %s WHERE id = (SELECT max(id) FROM message)", (NOW + timedelta(minutes=20),))
    assert _forecast(shop, campaign).done_at == NOW + timedelta(minutes=20)


def test_an_idle_pool_is_remembered_for_a_week(at, world, pool):
    """What it carried five days ago counts while nothing newer is known; what it carried nine days ago is forgotten."""
    _pace(pool, 120, ago=timedelta(days=5))
    shop = make_shop(world.a1.scope, name="a1")
    assert _forecast(shop, shop.campaign()).per_second == 2.0
    at.move(days=4)
    for _ in range(2):
        forget_paces(system("test"))
    assert _forecast(shop, shop.campaign()) is None


def test_neighbours_and_the_own_quota_are_in_it(at, world, pool):
    """A neighbour with 60 to send halves the pace until it is done; the hour's allowance of two holds the third until one o'clock."""
    _pace(pool, 60, ago=timedelta(minutes=1))
    ours, theirs = make_shop(world.a1.scope, name="a1"), make_shop(world.b1.scope, name="b1", people=5)
    campaign, other = ours.campaign(), theirs.campaign()
    with transaction(theirs.scope):
        campaigns.start(theirs.scope, campaign_id=other.id)
        session(theirs.scope).execute(
            sa.text("INSERT INTO lane_tenant (tenant_id, stream, for_reseller_id, pool_id) VALUES (:t, 'marketing', :r, :p)"
                    " ON CONFLICT (tenant_id, stream) DO UPDATE SET pool_id = :p"),
            {"t": theirs.scope.tenant, "r": theirs.scope.reseller, "p": pool},
        )  # fmt: skip
        session(theirs.scope).execute(
            sa.text(
                "INSERT INTO campaign_count (tenant_id, campaign_id, facet, part, kind, count) VALUES (:t, :c, 'total', '', 'recipients', 60)"
                " ON CONFLICT (tenant_id, campaign_id, facet, part, kind) DO UPDATE SET count = 60"
            ),
            {"t": theirs.scope.tenant, "c": other.id},
        )
    assert _forecast(ours, campaign).seconds == 6
    with transaction(ours.scope):
        quotas.set_allowance(ours.scope, layer="tenant", owner_id=ours.scope.tenant, period="hour", allowed=2)
    found = _forecast(ours, campaign)
    assert [wait.limit for wait in found.waits] == ["hour"]
    assert found.done_at == datetime(2026, 11, 25, 13, 0, 1, tzinfo=UTC)


def test_another_tenant_s_campaign_is_not_there(at, world, pool):
    """A foreign id is a missing one."""
    shop = make_shop(world.a1.scope, name="a1")
    campaign = shop.campaign()
    with transaction(world.a2.scope), pytest.raises(Missing):
        forecast_campaign(world.a2.scope, campaign.id)


def test_a_route_s_limit_per_hour_holds_as_the_provider_s(at, world, pool):
    """29 of the hour's 30 went half an hour ago: one leaves now, the others when those count no more."""
    _pace(pool, 60, ago=timedelta(minutes=1))
    route = _route(world, pool, per_hour=30)
    for number in range(29):
        _take(route, per_hour=30, at=NOW - timedelta(minutes=30, seconds=number))
    shop = make_shop(world.a1.scope, name="a1")
    found = _forecast(shop, shop.campaign())
    assert [wait.limit for wait in found.waits] == ["provider"]
    assert found.waits[0].since == NOW + timedelta(seconds=1)
    assert timedelta(minutes=26) < found.done_at - NOW < timedelta(minutes=37)


def test_a_pace_limit_slows_what_the_pool_carried(at, world, pool):
    """60 a minute were carried before the route got 20 a minute; towards one provider the list's share of it counts."""
    _pace(pool, 60, ago=timedelta(minutes=1))
    route = _route(world, pool, per_minute=20)
    shop = make_shop(world.a1.scope, name="a1")
    campaign = shop.campaign()
    assert _forecast(shop, campaign).seconds in (8, 9)
    with transaction(world.operator):
        rates.set_limits(world.operator, route_id=route, limits=Limits())
        rates.set_limits(world.operator, route_id=route, group="google", limits=Limits(per_minute=1))
    assert _forecast(shop, campaign).seconds == 3
    with transaction(world.operator):
        rates.set_limits(world.operator, route_id=route, group="other", limits=Limits(per_minute=10))
    assert _forecast(shop, campaign).seconds in (17, 18)


def test_a_warm_up_holds_until_midnight_unless_a_warm_route_is_there(at, world, pool):
    """One today, two tomorrow: midnight and two seconds. A warm route of the pool for the overflow carries all at once."""
    _pace(pool, 60, ago=timedelta(minutes=1))
    _route(world, pool, stages=(1, 2, 4))
    shop = make_shop(world.a1.scope, name="a1")
    campaign = shop.campaign()
    found = _forecast(shop, campaign)
    assert [wait.limit for wait in found.waits] == ["warmup"]
    assert found.done_at == datetime(2026, 11, 26, 0, 0, 2, tzinfo=UTC)
    with transaction(world.operator):
        other = pools.create_pool(world.operator, name="warm")
        warmup.set_overflow(world.operator, pool_id=pool, overflow_pool_id=other)
    assert _forecast(shop, campaign).waits == found.waits
    _route(world, other)
    assert _forecast(shop, campaign).waits == ()


def test_what_was_sent_of_a_warm_up_counts(at, world, pool):
    """The day's row as claims leave it: the stage, and what is used of it, at this provider."""
    _pace(pool, 60, ago=timedelta(minutes=1))
    route = _route(world, pool, stages=(1, 4, 8))
    shop = make_shop(world.a1.scope, name="a1")
    campaign = shop.campaign()
    with transaction(world.operator):
        session(world.operator).execute(
            sa.text("INSERT INTO warmup_day (route_id, domain_group, day, stage, allowed, used) VALUES (:r, 'other', :d, 1, 4, :u)"),
            [{"r": route, "d": NOW.date() - timedelta(days=1), "u": 1}, {"r": route, "d": NOW.date(), "u": 2}],
        )
    assert [wait.since - NOW for wait in _forecast(shop, campaign).waits] == [timedelta(seconds=2)]


def test_another_pool_s_ceilings_hold_nobody_here(at, world, pool, settings):
    """Each pool has its own; a tenant sees of its pool's only that they hold and until when, and its role none of the tables."""
    _pace(pool, 60, ago=timedelta(minutes=1))
    with transaction(world.operator):
        other = pools.create_pool(world.operator, name="other")
        pools.grant_pool(world.operator, pool_id=other, reseller_id=world.b.id, stream="marketing", default=True)
    _pace(other, 60, ago=timedelta(minutes=1))
    _route(world, other, stages=(1, 1))
    _route(world, pool)
    ours, theirs = make_shop(world.a1.scope, name="a1"), make_shop(world.b1.scope, name="b1")
    assert _forecast(ours, ours.campaign()).waits == ()
    assert [wait.limit for wait in _forecast(theirs, theirs.campaign()).waits] == ["warmup", "warmup"]
    with psycopg.connect(settings.database_url) as live:
        for table in ("warmup_day", "route_limit", "route_spent"):
            assert live.execute("SELECT has_table_privilege('posthouse_app', %s, 'SELECT')", [table]).fetchone() == (False,)


def _by_google(world, pool, *, messages):
    """Have the reseller send Google's mail by another pool, which carries so many a minute; returns its id."""
    with transaction(world.operator):
        other = pools.create_pool(world.operator, name="for Google")
        pools.grant_pool(world.operator, pool_id=other, reseller_id=world.a.id, stream="marketing")
    with transaction(world.a.scope):
        pools.set_rule(world.a.scope, stream="marketing", group="google", pool_id=other)
    if messages:
        _pace(other, messages, ago=timedelta(minutes=1))
    return other


def _at_google(shop, *people):
    """Have some of a shop's contacts be at Google."""
    with transaction(shop.scope):
        for number in people:
            values = {"new": f"c{number}@gmail.com", "old": shop.contact_ids[number]}
            session(shop.scope).execute(
                sa.text("UPDATE contact SET email = :new, email_norm = :new, domain = 'gmail.com' WHERE id = :old"), values
            )


def test_a_campaign_that_leaves_by_two_pools_ends_with_the_later(at, world, pool):
    """Two at Google by a pool of one message in two seconds, one elsewhere by a pool of one a second: four seconds, not three."""
    _pace(pool, 60, ago=timedelta(minutes=1))
    shop = make_shop(world.a1.scope, name="a1")
    campaign = shop.campaign()
    _at_google(shop, 0, 1)
    assert _forecast(shop, campaign).seconds == 3
    _by_google(world, pool, messages=30)
    found = _forecast(shop, campaign)
    assert (found.waiting, found.per_second, found.seconds) == (3, 1.5, 4)


def test_nothing_is_made_up_of_a_second_pool_that_carried_nothing(at, world, pool):
    """The pace of Google's pool isn't known, so neither is the end."""
    _pace(pool, 60, ago=timedelta(minutes=1))
    shop = make_shop(world.a1.scope, name="a1")
    campaign = shop.campaign()
    _by_google(world, pool, messages=0)
    assert _forecast(shop, campaign).seconds == 3
    _at_google(shop, 0)
    assert _forecast(shop, campaign) is None


def test_a_campaign_s_own_pool_goes_before_the_provider_s(at, world, pool):
    """Who chose a pool for the campaign sends Google's mail by it too."""
    _pace(pool, 60, ago=timedelta(minutes=1))
    shop = make_shop(world.a1.scope, name="a1")
    campaign = shop.campaign()
    _at_google(shop, 0, 1)
    _by_google(world, pool, messages=0)
    with transaction(shop.scope):
        session(shop.scope).execute(sa.text("UPDATE campaign SET pool_id = :p"), {"p": pool})
    assert _forecast(shop, campaign).seconds == 3


def test_a_neighbour_s_mail_is_shared_among_the_reseller_s_pools_only(at, world, pool):
    """60 of a tenant of the same reseller leave by both pools as ours do; 60 of another reseller's by the one they share with us."""
    _pace(pool, 60, ago=timedelta(minutes=1))
    shop = make_shop(world.a1.scope, name="a1")
    campaign = shop.campaign()
    _at_google(shop, 0, 1)
    _by_google(world, pool, messages=60)
    for place, seconds in ((world.a2, 4), (world.b1, 2)):
        other = make_shop(place.scope, name=f"t{place.id}")
        theirs = other.campaign()
        with transaction(other.scope):
            campaigns.start(other.scope, campaign_id=theirs.id)
            values = {"t": other.scope.tenant, "r": other.scope.reseller, "p": pool, "c": theirs.id}
            live = session(other.scope)
            live.execute(
                sa.text(
                    "INSERT INTO lane_tenant (tenant_id, stream, for_reseller_id, pool_id) VALUES (:t, 'marketing', :r, :p)"
                    " ON CONFLICT (tenant_id, stream) DO UPDATE SET pool_id = :p"
                ),
                values,
            )
            live.execute(sa.text("INSERT INTO campaign_count (tenant_id, campaign_id, facet, part, kind, count) VALUES (:t, :c, 'total', '', 'recipients', 60) ON CONFLICT (tenant_id, campaign_id, facet, part, kind) DO UPDATE SET count = 60"), values)  # fmt: skip
        assert _forecast(shop, campaign).seconds == seconds
        with transaction(other.scope):
            campaigns.stop(other.scope, campaign_id=theirs.id)
