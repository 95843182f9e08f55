"""A campaign's page says in words what its provider's ways of sending hold, and until when, and gives no figure of them away."""

from datetime import timedelta

from shops import make_shop

from posthouse.platform import clock, ids
from posthouse.platform.db import transaction
from posthouse.platform.scope import system
from posthouse.sending.pools import paces
from posthouse.sending.pools import services as pools
from posthouse.sending.rates import services as rates
from posthouse.sending.rates.rules import Limits
from posthouse.sending.warmup import services as warmup

HOLDS = "the warm-up of your provider’s new addresses, from which mailbox providers take more every day, holds it until"


def _pool(world):
    """A pool that carried one message a second, with one route that may send a single message today; returns the route."""
    with transaction(world.operator):
        pool = pools.create_pool(world.operator, name="shared")
        pools.grant_pool(world.operator, pool_id=pool, reseller_id=world.a.id, stream="marketing", default=True)
        route = pools.add_route(world.operator, pool_id=pool, name="one", host="127.0.0.1", port=2525, tls="none")
        warmup.start(world.operator, route_id=route, stages=(1, 7_321))
    scope = system("test")
    with clock.frozen(clock.now() - timedelta(minutes=2)), transaction(scope):
        paces.note(scope, pool_id=pool, messages=60)
    return route


def test_the_check_says_that_the_warm_up_holds_a_campaign(web, world, browser):
    """Before it starts: the warm-up and when it lets the rest go; without it, nothing of that."""
    route = _pool(world)
    campaign = make_shop(world.a1.scope, name="a1").campaign()
    browser.sign_in(world.a1.email)
    path = f"/campaigns/{ids.encode('cmp', campaign.id)}/check"
    shown = browser.get(path).text
    assert HOLDS in shown
    assert "7,321" not in shown
    assert "127.0.0.1" not in shown
    with transaction(world.operator):
        warmup.end(world.operator, route_id=route)
        rates.set_limits(world.operator, route_id=route, limits=Limits(per_second=1, per_hour=60))
    shown = browser.get(path).text
    assert HOLDS not in shown
    assert "Done in less than a minute." in shown
