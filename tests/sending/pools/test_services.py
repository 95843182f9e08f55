"""Pools and routes are the operator's; a tenant's mail goes by its own choice among those granted, else by the default."""

import pytest
import sqlalchemy as sa

from posthouse.platform.db import session, transaction
from posthouse.platform.errors import Conflict, Forbidden, Invalid, Missing
from posthouse.sending.pools import choices, health, queries, services
from posthouse.sending.pools.choices import UsualCard
from posthouse.tenants.quotas import allowances


def _pool(world, name="main", **route):
    with transaction(world.operator):
        pool = services.create_pool(world.operator, name=name)
        services.add_route(world.operator, pool_id=pool, **{"name": "one", "host": "relay.test", "port": 587, **route})
    return pool


def _grant(world, pool, reseller, *, default):
    with transaction(world.operator):
        services.grant_pool(world.operator, pool_id=pool, reseller_id=reseller.id, stream="marketing", default=default)


def _of(place):
    with transaction(place.scope):
        return queries.pool_of_tenant(place.scope, stream="marketing")


def test_a_tenant_uses_its_own_choice_or_the_default(world):
    """The reseller's default holds until a granted pool is chosen, and again after the choice is taken back."""
    shared, own = _pool(world), _pool(world, "own")
    _grant(world, shared, world.a, default=True)
    _grant(world, own, world.a, default=False)
    assert (_of(world.a1), _of(world.b1)) == (shared, None)
    with transaction(world.a1.scope):
        services.choose_pool(world.a1.scope, stream="marketing", pool_id=own)
    assert (_of(world.a1), _of(world.a2)) == (own, shared)
    with transaction(world.a1.scope):
        services.choose_pool(world.a1.scope, stream="marketing", pool_id=None)
    assert _of(world.a1) == shared


def test_a_pool_that_was_not_granted_is_not_there(world):
    """Another reseller's pool can't be chosen; the answer is the same as for none."""
    pool = _pool(world)
    _grant(world, pool, world.a, default=True)
    for wrong in (pool, 12345):
        with transaction(world.b1.scope), pytest.raises(Missing):
            services.choose_pool(world.b1.scope, stream="marketing", pool_id=wrong)


def test_a_new_default_replaces_the_old(world):
    """A stream has one default pool a reseller."""
    first, second = _pool(world), _pool(world, "second")
    _grant(world, first, world.a, default=True)
    _grant(world, second, world.a, default=True)
    assert _of(world.a1) == second


def test_the_password_is_sealed_and_opens_for_workers(world):
    """It is never stored in the clear, and comes back for signing in only."""
    pool = _pool(world, username="u", password="s3cret")
    with transaction(world.operator):
        raw = session(world.operator).execute(sa.text("SELECT password_sealed FROM route")).scalar_one()
    assert b"s3cret" not in bytes(raw)
    with transaction(world.a1.scope):
        (login,) = queries.open_routes(world.a1.scope, pool_id=pool)
    assert (login.username, login.password) == ("u", "s3cret")
    assert "s3cret" not in repr(login)


def test_a_route_that_rests_or_is_paused_says_so(world):
    """Trouble is shown in words with its end; a paused route isn't offered to workers."""
    pool = _pool(world)
    with transaction(world.a1.scope):
        (login,) = queries.open_routes(world.a1.scope, pool_id=pool)
        health.note_trouble(world.a1.scope, route_id=login.card.id, failures=2, pause_seconds=60, detail="535 wrong password")
    with transaction(world.operator):
        (route,) = queries.list_pools(world.operator)[0].routes
        assert (route.health, route.failures, route.last_error) == ("resting", 2, "535 wrong password")
        services.set_route_state(world.operator, route_id=route.id, state="paused")
    with transaction(world.operator):
        assert queries.list_pools(world.operator)[0].routes[0].health == "paused"
    with transaction(world.a1.scope):
        assert queries.open_routes(world.a1.scope, pool_id=pool) == []


def test_resellers_see_their_pools_and_tenants_none(world):
    """Deny by default: only the operator manages, a reseller sees what it was granted."""
    pool = _pool(world)
    _grant(world, pool, world.a, default=True)
    with transaction(world.a.scope):
        assert [card.name for card in queries.list_pools(world.a.scope)] == ["main"]
    with transaction(world.b.scope):
        assert queries.list_pools(world.b.scope) == []
    for scope in (world.a.scope, world.a1.scope):
        with transaction(scope), pytest.raises(Forbidden):
            services.create_pool(scope, name="mine")
    with transaction(world.a1.scope), pytest.raises(Forbidden):
        queries.list_pools(world.a1.scope)


@pytest.mark.parametrize("wrong", [{"host": " "}, {"host": "a b"}, {"port": 0}, {"tls": "maybe"}, {"max_connections": 0}], ids=str)
def test_a_route_that_cannot_be_is_refused(world, wrong):
    """Nothing is stored of a malformed route."""
    with pytest.raises(Invalid):
        _pool(world, **wrong)
    with transaction(world.operator):
        assert queries.list_pools(world.operator) == []


def test_a_pool_that_is_taken_back_is_chosen_no_more(world):
    """Who had chosen it falls back on the default; a second time changes nothing."""
    shared, own = _pool(world), _pool(world, "own")
    _grant(world, shared, world.a, default=True)
    _grant(world, own, world.a, default=False)
    with transaction(world.a1.scope):
        services.choose_pool(world.a1.scope, stream="marketing", pool_id=own)
    for _ in range(2):
        with transaction(world.operator):
            services.revoke_pool(world.operator, pool_id=own, reseller_id=world.a.id, stream="marketing")
    assert _of(world.a1) == shared
    with transaction(world.operator):
        assert [card.grants for card in queries.list_pools(world.operator) if card.id == own] == [()]
    with transaction(world.a.scope), pytest.raises(Forbidden):
        services.revoke_pool(world.a.scope, pool_id=shared, reseller_id=world.a.id, stream="marketing")


def test_a_paused_pool_offers_no_routes(world):
    """Paused and renamed by the operator alone; a taken name is refused."""
    pool, other = _pool(world), _pool(world, "other")
    with transaction(world.operator):
        services.edit_pool(world.operator, pool_id=pool, name=" Main ", state="paused")
    with transaction(world.a1.scope):
        assert queries.open_routes(world.a1.scope, pool_id=pool) == []
    for wrong in ({"name": "Main", "state": "active"}, {"name": " ", "state": "active"}, {"name": "x", "state": "gone"}):
        with transaction(world.operator), pytest.raises(Invalid):
            services.edit_pool(world.operator, pool_id=other, **wrong)
    with transaction(world.operator), pytest.raises(Missing):
        services.edit_pool(world.operator, pool_id=7, name="x", state="active")


def _usual(place):
    with transaction(place.scope):
        return choices.usual_pool(place.scope, stream="marketing")


def test_a_plan_chooses_between_a_tenants_own_pool_and_the_default(world):
    """It counts for those that have the plan, until it is taken back; another reseller's plan of the same number changes nothing."""
    shared, better, own = _pool(world), _pool(world, "better"), _pool(world, "own")
    for pool in (shared, better, own):
        _grant(world, pool, world.a, default=pool == shared)
    _grant(world, shared, world.b, default=True)
    for place in (world.a1, world.b1):
        with transaction(place.scope):
            allowances.set_plan(place.scope, 7)
    for _ in range(2):
        with transaction(world.a.scope):
            services.set_plan_pool(world.a.scope, plan_id=7, stream="marketing", pool_id=better)
    assert _usual(world.a1) == UsualCard(better, "plan")
    assert _usual(world.a2) == UsualCard(shared, "default")
    assert _usual(world.b1) == UsualCard(shared, "default")
    with transaction(world.a1.scope):
        services.choose_pool(world.a1.scope, stream="marketing", pool_id=own)
    assert _usual(world.a1) == UsualCard(own, "tenant")
    with transaction(world.a1.scope):
        services.choose_pool(world.a1.scope, stream="marketing", pool_id=None)
    with transaction(world.operator):
        services.revoke_pool(world.operator, pool_id=better, reseller_id=world.a.id, stream="marketing")
    assert _usual(world.a1) == UsualCard(shared, "default")
    with transaction(world.b.scope), pytest.raises(Missing):
        services.set_plan_pool(world.b.scope, plan_id=7, stream="marketing", pool_id=better)
    with transaction(world.b.scope):
        assert choices.list_plan_pools(world.b.scope) == []
    with transaction(world.a1.scope), pytest.raises(Forbidden):
        services.set_plan_pool(world.a1.scope, plan_id=7, stream="marketing", pool_id=shared)


def test_a_dedicated_pool_is_one_tenants(world):
    """One reseller's, one tenant's, nobody's default, offered to nobody; when its tenant leaves it another may have it."""
    with transaction(world.operator):
        pool = services.create_pool(world.operator, name="dedicated", kind="dedicated")
        with pytest.raises(Conflict):
            services.grant_pool(world.operator, pool_id=pool, reseller_id=world.a.id, stream="marketing", default=True)
        for stream in ("marketing", "transactional"):
            services.grant_pool(world.operator, pool_id=pool, reseller_id=world.a.id, stream=stream)
        with pytest.raises(Conflict):
            services.grant_pool(world.operator, pool_id=pool, reseller_id=world.b.id, stream="marketing")
    with transaction(world.a.scope):
        for refused in (
            lambda: services.offer_pool(world.a.scope, pool_id=pool, stream="marketing", label="Mine"),
            lambda: services.set_rule(world.a.scope, stream="marketing", group="google", pool_id=pool),
            lambda: services.set_plan_pool(world.a.scope, plan_id=1, stream="marketing", pool_id=pool),
        ):
            with pytest.raises(Conflict):
                refused()
    with transaction(world.a1.scope):
        services.choose_pool(world.a1.scope, stream="marketing", pool_id=pool)
    for stream in ("marketing", "transactional"):
        with transaction(world.a2.scope), pytest.raises(Missing):
            services.choose_pool(world.a2.scope, stream=stream, pool_id=pool)
    with transaction(world.a.scope):
        services.require_free(world.a.scope, pool_id=pool, tenant_id=world.a1.id)
        with pytest.raises(Conflict) as refusal:
            services.require_free(world.a.scope, pool_id=pool, tenant_id=world.a2.id)
    assert "another tenant’s alone" in refusal.value.sentence
    assert (_of(world.a1), _of(world.a2)) == (pool, None)
    with transaction(world.a1.scope):
        services.choose_pool(world.a1.scope, stream="marketing", pool_id=None)
    with transaction(world.a2.scope):
        services.choose_pool(world.a2.scope, stream="marketing", pool_id=pool)
    assert (_of(world.a1), _of(world.a2)) == (None, pool)


def test_a_dedicated_pool_that_was_taken_back_and_given_again_has_one_tenant(world):
    """An old choice counts no more once it is another tenant's."""
    with transaction(world.operator):
        pool = services.create_pool(world.operator, name="dedicated", kind="dedicated")
    _grant(world, pool, world.a, default=False)
    with transaction(world.a1.scope):
        services.choose_pool(world.a1.scope, stream="marketing", pool_id=pool)
    with transaction(world.operator):
        services.revoke_pool(world.operator, pool_id=pool, reseller_id=world.a.id, stream="marketing")
    _grant(world, pool, world.a, default=False)
    with transaction(world.a2.scope):
        services.choose_pool(world.a2.scope, stream="marketing", pool_id=pool)
    assert (_of(world.a1), _of(world.a2)) == (None, pool)
