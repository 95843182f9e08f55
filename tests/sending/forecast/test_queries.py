"""A campaign's forecast comes from its list, the pool's pace, its neighbours and its limits, and from nothing of others that has a name."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from shops import make_shop

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.errors import Missing
from posthouse.platform.scope import system
from posthouse.sending.campaigns import services as campaigns
from posthouse.sending.forecast.queries import forecast_campaign
from posthouse.sending.pools import paces
from posthouse.sending.pools import services as pools
from posthouse.sending.pools.jobs import forget_paces
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
