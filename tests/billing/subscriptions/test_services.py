"""A tenant gets to Stripe's pages, and never into paying twice."""

import pytest

from posthouse.billing.gateway.models import StripeCustomer
from posthouse.billing.plans.services import withdraw_plan
from posthouse.billing.subscriptions.queries import find_subscription, list_invoices, notice
from posthouse.billing.subscriptions.rules import State
from posthouse.billing.subscriptions.services import open_portal, start_checkout
from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.errors import Conflict, Forbidden, Missing, OutsideFailure


def sessions(shop):
    return [one for one in shop.books.objects.values() if one["object"] == "checkout.session"]


def customers(shop):
    return [one for one in shop.books.objects.values() if one["object"] == "customer"]


def test_checkout_leads_to_the_plan(shop, world):
    """The tenant pays at Stripe, the webhook comes, and it's on its plan; its invoice can be read."""
    plan = shop.plan()
    url = start_checkout(world.a1.scope, plan.id, return_url="https://app.example/billing?tab=plan")
    [session] = sessions(shop)
    assert session["success_url"] == "https://app.example/billing?tab=plan&checkout=done"
    assert session["cancel_url"] == "https://app.example/billing?tab=plan&checkout=left"
    with transaction(world.a1.scope):
        assert find_subscription(world.a1.scope) is None
        assert notice(world.a1.scope) is None
    shop.complete(url)
    shop.pump()
    with transaction(world.a1.scope):
        found = find_subscription(world.a1.scope)
        assert (found.plan, found.state, found.sends, found.may_check_out) == (plan, State.ACTIVE, True, False)
        assert found.period_end > clock.now()
    [invoice] = list_invoices(world.a1.scope)
    assert (invoice.status, invoice.total) == ("paid", plan.price)
    assert open_portal(world.a1.scope).startswith(shop.double.url)


def test_two_clicks_open_one_page(shop, world):
    """The second click gets the page that is open; a lost record of it finds the same page again at Stripe."""
    plan = shop.plan()
    first = start_checkout(world.a1.scope, plan.id)
    assert start_checkout(world.a1.scope, plan.id) == first
    with transaction(world.a1.scope) as live:
        live.connection().exec_driver_sql("UPDATE tenant_subscription SET checkout_url = NULL, checkout_session = NULL, customer = NULL")
    assert start_checkout(world.a1.scope, plan.id) == first
    assert len(sessions(shop)) == 1
    assert len(customers(shop)) == 1


def test_another_plan_closes_the_first_page(shop, world):
    """Only one page can be paid on at a time; one that was just paid on is not closed but said."""
    small, large = shop.plan("Small"), shop.plan("Large", minor=9900)
    start_checkout(world.a1.scope, small.id)
    second = start_checkout(world.a1.scope, large.id)
    assert [one["status"] for one in sessions(shop)] == ["expired", "open"]
    shop.complete(second)
    with pytest.raises(Conflict) as refused:
        start_checkout(world.a1.scope, small.id)
    assert refused.value.code == "checkout_completed"


def test_an_expired_page_is_replaced(shop, world):
    """After a day the page is over, and another one is opened."""
    plan = shop.plan()
    first = start_checkout(world.a1.scope, plan.id)
    with clock.frozen(clock.now()) as at:
        at.move(days=1, seconds=1)
        assert start_checkout(world.a1.scope, plan.id) != first


def test_who_has_a_subscription_gets_no_second(shop, world):
    """Active, behind or paused: the portal is the way, not another checkout. An ended one may be taken out anew."""
    plan = shop.plan()
    made = shop.subscribe(world.a1, plan)
    with pytest.raises(Conflict) as refused:
        start_checkout(world.a1.scope, plan.id)
    assert refused.value.code == "already_subscribed"
    with shop.double.house.lock:
        made["cancel_at_period_end"] = True
    shop.renew(made)
    shop.pump()
    assert shop.state(world.a1) == (State.CANCELLED, "paused")
    shop.subscribe(world.a1, plan)
    assert shop.state(world.a1) == (State.ACTIVE, "active")
    assert len(customers(shop)) == 1


def test_a_plan_that_is_not_for_this_tenant(shop, world):
    """Withdrawn, a draft, another reseller's, or none: the same answer, and nothing is made at Stripe."""
    plan = shop.plan()
    with transaction(world.a.scope):
        withdraw_plan(world.a.scope, plan.id)
    for tenant, plan_id in ((world.a1, plan.id), (world.b1, plan.id), (world.a1, 7)):
        with pytest.raises(Missing) as refused:
            start_checkout(tenant.scope, plan_id)
        assert refused.value.code == "plan_not_found"
    assert sessions(shop) == customers(shop) == []


def test_tenants_do_not_see_each_others(shop, world):
    """Each tenant has its own customer; a neighbour has neither subscription nor portal nor invoices."""
    shop.subscribe(world.a1, shop.plan())
    for other in (world.a2, world.b1):
        with transaction(other.scope):
            assert find_subscription(other.scope) is None
        assert list_invoices(other.scope) == []
        with pytest.raises(Conflict):
            open_portal(other.scope)
    with transaction(world.b.scope) as live:
        assert live.query(StripeCustomer).all() == []


def test_it_needs_its_permission(shop, world):
    """Editors don't buy; admins look and don't buy."""
    plan = shop.plan()
    for scope in (world.a1.may_only("contacts:read"), world.a1.may_only("billing:read")):
        for act in (lambda scope=scope: start_checkout(scope, plan.id), lambda scope=scope: open_portal(scope)):
            with pytest.raises(Forbidden):
                act()
    admin = world.a1.may_only("billing:read")
    with transaction(admin):
        assert find_subscription(admin) is None


def test_stripe_away_changes_nothing(shop, world, app):
    """When Stripe can't be reached, that's what is said; the next try goes through."""
    plan = shop.plan()
    held = app.extensions["posthouse_settings"]
    app.extensions["posthouse_settings"] = type(held)(**{**held.__dict__, "stripe_api": "http://127.0.0.1:9"})
    with pytest.raises(OutsideFailure):
        start_checkout(world.a1.scope, plan.id)
    app.extensions["posthouse_settings"] = held
    assert start_checkout(world.a1.scope, plan.id).startswith(shop.double.url)
