"""Which pool a message leaves by: its campaign's, its recipients' provider's, its tenant's, its reseller's; nobody behind a resting one waits."""

import asyncio

import pytest
import sqlalchemy as sa
from relay import Relay
from ways import Ways

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.errors import Conflict, Invalid, Missing
from posthouse.platform.scope import Actor, Reach, Scope
from posthouse.sending.campaigns import services as campaigns
from posthouse.sending.campaigns.services import Draft
from posthouse.sending.pools import queries
from posthouse.sending.pools import services as pools
from posthouse.tenants.quotas import allowances


@pytest.fixture
def ways(app, world):
    return Ways(app, world)


def _reseller(place):
    """Act for the reseller of a tenant."""
    return Scope(
        actor=Actor("command", None, "test"),
        reach=Reach.RESELLER,
        reseller_id=place.scope.reseller_id,
        tenant_id=None,
        permissions=frozenset({"*"}),
        reason="test",
        request_id="test",
    )


def _second(ways, world, port):
    """Make another pool that reseller A's tenants may use, but don't by default."""
    pool, _ = ways.pool(port, default=False)
    ways.act(pools.grant_pool, pool_id=pool, reseller_id=world.a.id, stream="marketing")
    return pool


def _campaign(place, pool, count, name):
    """Have a running campaign with due messages that leaves by a pool."""
    with transaction(place.scope):
        card = campaigns.create_campaign(place.scope, Draft(name=name, pool_id=pool))
        live = session(place.scope)
        live.execute(sa.text("UPDATE campaign SET state = 'sending' WHERE id = :id"), {"id": card.id})
        live.execute(
            sa.text(
                "INSERT INTO message (tenant_id, revision_id, campaign_id, recipient, email_norm, domain, stream, state, not_before, created_at)"
                " SELECT :tenant, 1, :id, a, a, 'x.test', 'marketing', 'queued', :at, :at"
                " FROM (SELECT :name || n || '@x.test' AS a FROM generate_series(1, :count) AS n) AS k"
            ),
            {"tenant": place.id, "id": card.id, "count": count, "name": name, "at": clock.now()},
        )


def _recipients(relay):
    return sorted(recipient for recipient, _ in relay.accepted)


def test_campaign_then_provider_then_tenant(ways, world):
    """Each leaves by its own pool, in one go of one worker, and nothing leaves twice."""

    async def go():
        async with Relay() as usual, Relay() as chosen, Relay() as of_group:
            ways.pool(usual.port)
            second, third = _second(ways, world, chosen.port), _second(ways, world, of_group.port)
            scope = _reseller(world.a1)
            with transaction(scope):
                pools.offer_pool(scope, pool_id=second, stream="marketing", label="Newsletters")
                pools.set_rule(scope, stream="marketing", group="google", pool_id=third)
            _campaign(world.a1, second, 30, "c")
            ways.queue(world.a1, 30, name="u")
            ways.queue(world.a1, 30, domain="gmail.com", name="g")
            ways.queue(world.b1, 5, domain="gmail.com", name="b")
            await ways.work(lambda: ways.states(world.a1) == {"sent": 90} and ways.states(world.b1) == {"sent": 5})
            return usual, chosen, of_group

    usual, chosen, of_group = asyncio.run(go())
    assert {one[0] for one in _recipients(chosen)} == {"c"}
    assert {one[0] for one in _recipients(of_group)} == {"g"}
    assert {one[0] for one in _recipients(usual)} == {"u", "b"}
    assert [len(one.accepted) for one in (usual, chosen, of_group)] == [35, 30, 30]


def test_a_plans_pool_carries_its_tenants(ways, world):
    """Who has the plan leaves by its pool, from the moment it is said; the others by the default."""

    async def go():
        async with Relay() as usual, Relay() as of_plan:
            ways.pool(usual.port)
            second = _second(ways, world, of_plan.port)
            with transaction(world.a1.scope):
                allowances.set_plan(world.a1.scope, 7)
            ways.queue(world.a1, 5, name="before")
            await ways.work(lambda: ways.states(world.a1) == {"sent": 5})
            with transaction(world.a.scope):
                pools.set_plan_pool(world.a.scope, plan_id=7, stream="marketing", pool_id=second)
            ways.queue(world.a1, 5, name="after")
            ways.queue(world.a2, 5, name="other")
            await ways.work(lambda: ways.states(world.a1) == {"sent": 10} and ways.states(world.a2) == {"sent": 5})
            return usual, of_plan

    usual, of_plan = asyncio.run(go())
    assert {one[:5] for one in _recipients(of_plan)} == {"after"}
    assert len(of_plan.accepted) == 5
    assert {one[:5] for one in _recipients(usual)} == {"befor", "other"}


def test_what_is_behind_a_pool_that_rests_goes_on(ways, world):
    """Mail of a campaign whose pool can't be reached is put off; the rest of the tenant's leaves meanwhile."""

    async def go():
        async with Relay() as usual:
            ways.pool(usual.port)
            dead = _second(ways, world, 1)
            scope = _reseller(world.a1)
            with transaction(scope):
                pools.offer_pool(scope, pool_id=dead, stream="marketing", label="Newsletters")
            _campaign(world.a1, dead, 250, "c")
            ways.queue(world.a1, 250, name="u")
            await ways.work(lambda: ways.states(world.a1).get("sent") == 250, seconds=40)
            return usual

    assert {one[0] for one in _recipients(asyncio.run(go()))} == {"u"}


def test_only_what_is_offered_can_be_chosen(ways, world):
    """A pool that isn't offered, or another reseller's, is refused; a copy of a campaign doesn't carry an offer that has ended."""
    ways.pool(2525)
    second = _second(ways, world, 2526)
    with transaction(world.a1.scope), pytest.raises(Invalid) as refused:
        campaigns.create_campaign(world.a1.scope, Draft(name="n", pool_id=second))
    assert refused.value.facts["field"] == "pool_id"
    scope = _reseller(world.a1)
    with transaction(scope):
        pools.offer_pool(scope, pool_id=second, stream="marketing", label=" Newsletters ")
    with transaction(world.a2.scope):
        assert [card.label for card in queries.offered(world.a2.scope)] == ["Newsletters"]
        card = campaigns.create_campaign(world.a2.scope, Draft(name="n", pool_id=second))
        assert card.pool_id == second
    with transaction(world.b1.scope):
        assert queries.offered(world.b1.scope) == []
    other = _reseller(world.b1)
    with transaction(other):
        with pytest.raises(Missing):
            pools.offer_pool(other, pool_id=second, stream="marketing", label="Mine")
        with pytest.raises(Missing):
            pools.set_rule(other, stream="marketing", group="google", pool_id=second)
    with transaction(scope):
        pools.offer_pool(scope, pool_id=second, stream="marketing", label="")
    with transaction(world.a2.scope):
        assert campaigns.copy_campaign(world.a2.scope, campaign_id=card.id).pool_id is None


def test_a_pool_in_use_is_not_deleted(ways, world):
    """It says who uses it; once nobody does it goes with its routes, its choices and its rules."""
    pool, _ = ways.pool(2525)
    second = _second(ways, world, 2526)
    scope = _reseller(world.a1)
    with transaction(scope):
        pools.set_rule(scope, stream="marketing", group="google", pool_id=second)
    with transaction(world.a1.scope):
        pools.choose_pool(world.a1.scope, stream="marketing", pool_id=second)
    with pytest.raises(Conflict) as refused:
        ways.act(pools.delete_pool, pool_id=second)
    assert "A reseller may still send through" in refused.value.sentence
    ways.act(pools.revoke_pool, pool_id=second, reseller_id=world.a.id, stream="marketing")
    ways.act(pools.delete_pool, pool_id=second)
    with transaction(world.a1.scope):
        assert queries.chosen_pool(world.a1.scope, stream="marketing") is None
        assert queries.pool_of_tenant(world.a1.scope, stream="marketing") == pool
    with transaction(scope):
        assert queries.list_rules(scope) == []
    with pytest.raises(Missing):
        ways.act(pools.delete_pool, pool_id=second)
