"""What Stripe reports brings a tenant to what Stripe shows, whatever is lost, late, repeated or out of order."""

import random
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from posthouse.billing.double import lifecycle
from posthouse.billing.double.courier import Habits, sign
from posthouse.billing.double.shapes import base
from posthouse.billing.gateway.models import StripeEvent
from posthouse.billing.subscriptions import jobs, settling
from posthouse.billing.subscriptions.queries import find_subscription, notice
from posthouse.billing.subscriptions.rules import State
from posthouse.billing.subscriptions.services import start_checkout
from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.errors import OutsideFailure
from posthouse.platform.runner import run_due
from posthouse.platform.scope import system
from posthouse.tenants.accounts.services import set_state
from posthouse.tenants.quotas import allowances

T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def at():
    """The clock, held and moved by the test."""
    with clock.frozen(T0) as held:
        yield held


def recorded(tenant):
    """Everything that is recorded of a tenant's subscription but its tickets and the time of its change."""
    with transaction(tenant.scope) as live:
        row = dict(live.execute(sa.text("SELECT * FROM tenant_subscription")).mappings().one())
    return {name: value for name, value in row.items() if name not in {"ticket", "applied_ticket", "changed_at"}}


def test_a_failed_payment_leads_through_grace_to_a_pause_and_back(shop, world, at):
    """Paid, then a card fails: grace with a notice, at its end a pause, and sending again once it's paid."""
    made = shop.subscribe(world.a1, shop.plan(grace_days=7))
    at.move(days=30)
    shop.payments(world.a1, work=False)
    shop.renew(made)
    shop.pump()
    assert shop.state(world.a1) == (State.GRACE, "grace")
    with transaction(world.a1.scope):
        told = notice(world.a1.scope)
        assert (told.code, told.at) == ("payment_failed", T0 + timedelta(days=37))
        assert find_subscription(world.a1.scope).sends
    at.move(days=6, hours=23)
    jobs.end_graces(system("test"))
    run_due()
    assert shop.state(world.a1) == (State.GRACE, "grace")
    at.move(hours=1)
    for _ in range(2):
        jobs.end_graces(system("test"))
        run_due()
        assert shop.state(world.a1) == (State.PAUSED, "paused")
    with transaction(world.a1.scope):
        assert notice(world.a1.scope).code == "sending_paused"
        assert not find_subscription(world.a1.scope).sends
    shop.payments(world.a1, work=True)
    shop.pay_open(made)
    shop.pump()
    assert shop.state(world.a1) == (State.ACTIVE, "active")
    with transaction(world.a1.scope):
        assert notice(world.a1.scope) is None
        assert find_subscription(world.a1.scope).grace_until is None


def test_grace_ends_by_the_clock_when_stripe_is_away(shop, world, at, app):
    """Nobody sends for ever because Stripe can't be reached; who has paid meanwhile isn't paused when it can."""
    plan = shop.plan()
    for tenant in (world.a1, world.a2):
        made = shop.subscribe(tenant, plan)
        shop.payments(tenant, work=False)
        at.move(days=31)
        shop.renew(made)
        shop.pump()
    shop.double.courier.behave(Habits(lose=10))
    shop.payments(world.a2, work=True)
    shop.pay_open(made)
    at.move(days=10)
    jobs.end_grace(world.a2.scope)
    assert shop.state(world.a2) == (State.ACTIVE, "active")
    held = app.extensions["posthouse_settings"]
    app.extensions["posthouse_settings"] = type(held)(**{**held.__dict__, "stripe_api": "http://127.0.0.1:9"})
    for _ in range(2):
        jobs.end_grace(world.a1.scope)
        assert shop.state(world.a1) == (State.PAUSED, "paused")


def test_every_order_with_repeats_ends_alike(shop, world, at):
    """The usual events of a subscription's life, in shuffled order, each up to three times, in the middle of it and after it (I3)."""
    small, large = shop.plan("Small", month=1_000), shop.plan("Large", minor=9900, month=50_000)
    chance = random.Random(7)
    made = shop.complete(start_checkout(world.a1.scope, small.id))
    subscription = shop.books.objects[made["subscription"]]
    calls = shop.collect()
    shop.payments(world.a1, work=False)
    at.move(days=31)
    shop.renew(subscription)
    calls += shop.collect()
    take_some(shop, calls, chance)
    shop.payments(world.a1, work=True)
    shop.pay_open(subscription)
    with shop.double.house.lock:
        lifecycle.switch(shop.books, subscription, shop.books.objects[large.stripe_price])
    calls += shop.collect()
    shop.take_in(resigned(shop, calls))
    run_due()
    expected = recorded(world.a1)
    assert (expected["state"], expected["plan_id"]) == ("active", large.id)
    for _ in range(40):
        reset(world.a1, world.a)
        order = [call for call in calls for _ in range(chance.randint(1, 3))]
        chance.shuffle(order)
        while order:
            batch, order = order[: chance.randint(1, 5)], order[chance.randint(1, 5) :]
            shop.take_in(resigned(shop, batch))
            run_due()
        shop.take_in(resigned(shop, calls))
        run_due()
        assert recorded(world.a1) == expected
        assert shop.state(world.a1) == (State.ACTIVE, "active")


def take_some(shop, calls, chance):
    shop.take_in(resigned(shop, chance.sample(calls, len(calls) // 2)))
    run_due()


def resigned(shop, calls):
    """Sign the same bodies for the present time, as Stripe does when it tries again."""
    [endpoint] = [one for one in shop.books.objects.values() if one["object"] == "webhook_endpoint"]
    now = int(clock.now().timestamp())
    return [(account, body, sign(tuple(endpoint["_secrets"]), body, at=now)) for account, body, _ in calls]


def reset(tenant, reseller):
    """Forget the events and put the tenant somewhere wrong, so that only the events' work can bring it back."""
    with transaction(reseller.scope) as live:
        live.execute(sa.delete(StripeEvent).where(StripeEvent.reseller_id == reseller.id))
    with transaction(tenant.scope) as live:
        live.execute(sa.text("UPDATE tenant_subscription SET state = 'paused', reason = 'grace_ended'"))
        set_state(tenant.scope, tenant.id, "paused", "set wrong by the test")


def test_a_job_run_twice_changes_nothing(shop, world):
    """The same event's job again, and a sync, leave everything as it is: no second audit row, no second change."""
    shop.subscribe(world.a1, shop.plan())
    before = recorded(world.a1)
    with transaction(world.a.scope) as live:
        event_ids = list(live.scalars(sa.select(StripeEvent.id)))
        live.execute(sa.update(StripeEvent).where(StripeEvent.reseller_id == world.a.id).values(state="received"))
    with transaction(world.a1.scope) as live:
        changes = live.scalar(sa.text("SELECT count(*) FROM tenant_audit WHERE verb = 'subscription.changed'"))
    for event_id in event_ids * 2:
        jobs.apply_event(world.a.scope, event_id=event_id)
    jobs.sync_subscription(world.a1.scope)
    assert recorded(world.a1) == before
    with transaction(world.a1.scope) as live:
        assert live.scalar(sa.text("SELECT count(*) FROM tenant_audit WHERE verb = 'subscription.changed'")) == changes == 1
    assert {state for _, state, _ in shop.events()} <= {"processed", "ignored"}


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("where", ["before_asking", "after_asking", "in_effect"])
def test_killed_between_store_and_effect(shop, world, monkeypatch, where):
    """Threat I5: wherever the worker dies, the event stays open and the next run has its whole effect."""
    url = start_checkout(world.a1.scope, shop.plan().id)
    shop.complete(url)
    shop.take_in(shop.collect())

    def die(*_args, **_kwargs):
        raise Killed

    with monkeypatch.context() as patch:
        if where == "before_asking":
            patch.setattr(jobs.Stripe, "subscriptions", die)
        elif where == "after_asking":
            patch.setattr(settling, "settle", die)
        else:
            patch.setattr(settling.audit, "record", die)
        with transaction(world.a.scope) as live:
            event_id = live.scalar(sa.select(StripeEvent.id).where(StripeEvent.state == "received").limit(1))
        with pytest.raises(Killed):
            jobs.apply_event(world.a.scope, event_id=event_id)
    assert shop.state(world.a1) == (None, "active")
    with transaction(world.a.scope) as live:
        assert live.get(StripeEvent, (world.a.id, event_id)).state == "received"
    jobs.apply_event(world.a.scope, event_id=event_id)
    assert shop.state(world.a1) == (State.ACTIVE, "active")


def test_answers_that_cross_do_no_harm(shop, world):
    """Of two questions to Stripe, the one asked earlier is dropped when it's recorded later."""
    made = shop.subscribe(world.a1, shop.plan())
    with transaction(world.a1.scope):
        early = settling.draw(world.a1.scope)
    with jobs.Stripe(early.access.api_key, base=early.access.base) as stripe:
        old = stripe.subscriptions(early.customer)
    with shop.double.house.lock:
        lifecycle.cancel(shop.books, made)
    shop.pump()
    assert shop.state(world.a1) == (State.CANCELLED, "paused")
    with transaction(world.a1.scope):
        assert settling.settle(world.a1.scope, early, old, now=clock.now()) == "late"
    assert shop.state(world.a1) == (State.CANCELLED, "paused")


def test_forged_metadata_changes_nothing(shop, world):
    """Threat E5: a validly signed event that names other tenants, plans and prices in its metadata moves nobody but its customer."""
    small, large = shop.plan("Small"), shop.plan("Large", minor=9900, month=1_000_000)
    made = shop.subscribe(world.a1, small)
    with shop.double.house.lock:
        shop.books.change(
            made,
            lifecycle.UPDATED,
            metadata={"tenant_id": str(world.a2.id), "plan_id": str(large.id), "price": large.stripe_price, "account": "acct_x"},
        )
    shop.pump()
    with transaction(world.a1.scope):
        assert find_subscription(world.a1.scope).plan == small
    assert shop.state(world.a2) == (None, "active")


def test_a_price_that_is_not_ours_gives_nothing(shop, world):
    """A price made by hand at Stripe, or one of ours with another amount, puts nobody on a plan (E5)."""
    plan = shop.plan()
    made = shop.complete(start_checkout(world.a1.scope, plan.id))
    with shop.double.house.lock:
        subscription = shop.books.objects[made["subscription"]]
        item = subscription["items"]["data"][0]
        item["price"] = {**item["price"], "unit_amount": 1}
    shop.pump()
    assert shop.state(world.a1) == (None, "active")
    assert ("customer.subscription.created", "ignored", "nothing_of_ours") in shop.events()
    with shop.double.house.lock:
        item["price"] = {**shop.books.objects[plan.stripe_price], "id": "price_by_hand"}
        shop.books.emit(lifecycle.UPDATED, subscription)
    shop.pump()
    assert shop.state(world.a1) == (None, "active")


def test_a_running_subscription_put_on_a_foreign_price_keeps_its_plan(shop, world):
    """Support changed the price at Stripe by hand: the plan stays, and payment still counts."""
    plan = shop.plan()
    made = shop.subscribe(world.a1, plan)
    with shop.double.house.lock:
        item = made["items"]["data"][0]
        item["price"] = {**item["price"], "id": "price_by_hand", "unit_amount": 1990}
        lifecycle.cancel(shop.books, made)
    shop.pump()
    assert shop.state(world.a1) == (State.CANCELLED, "paused")
    with transaction(world.a1.scope):
        assert find_subscription(world.a1.scope).plan == plan


def test_an_unknown_customer_is_ignored(shop, world):
    """A customer that we never made belongs to nobody here, whatever its events say."""
    plan = shop.plan()
    with shop.double.house.lock:
        stranger = shop.books.add(base(shop.books, "cus", "customer", email="x@example.com", name="Tenant a1"), "customer.created")
        price = shop.books.objects[plan.stripe_price]
        lifecycle.subscribe(shop.books, stranger["id"], price, trial_days=0, metadata={"tenant": str(world.a1.id)}, page="x")
    shop.pump()
    assert shop.state(world.a1) == (None, "active")
    assert {(state, why) for kind, state, why in shop.events()} == {("ignored", "unknown_customer")}


def test_what_was_lost_is_found_by_the_reconcile(shop, world):
    """Webhooks that never came are listed by Stripe; the nightly job keeps them once and acts upon them."""
    shop.double.courier.behave(Habits(lose=1000))
    shop.complete(start_checkout(world.a1.scope, shop.plan().id))
    assert shop.collect() == []
    for _ in range(2):
        jobs.reconcile(system("test"))
        run_due()
        assert shop.state(world.a1) == (State.ACTIVE, "active")
    with transaction(world.a.scope) as live:
        rows = live.execute(sa.select(StripeEvent.source, sa.func.count()).group_by(StripeEvent.source)).all()
    [(source, count)] = rows
    assert source == "reconcile"
    assert count == len([one for one in shop.books.events if one["type"] in jobs.KINDS])


def test_the_reconcile_asks_again_for_what_got_stuck(shop, world, at):
    """An event whose job was given up is worked on again, and old ones are forgotten."""
    shop.complete(start_checkout(world.a1.scope, shop.plan().id))
    shop.take_in(shop.collect())
    with transaction(system("test")) as live:
        live.execute(sa.text("DELETE FROM job"))
    at.move(minutes=11)
    jobs.reconcile(system("test"))
    run_due()
    assert shop.state(world.a1) == (State.ACTIVE, "active")
    at.move(days=91)
    jobs.reconcile(system("test"))
    run_due()
    assert shop.events() == []


def test_a_job_waits_for_stripe_to_come_back(shop, world, app):
    """Stripe away: the event stays open and the job fails to be tried again."""
    shop.complete(start_checkout(world.a1.scope, shop.plan().id))
    shop.take_in(shop.collect())
    held = app.extensions["posthouse_settings"]
    app.extensions["posthouse_settings"] = type(held)(**{**held.__dict__, "stripe_api": "http://127.0.0.1:9"})
    with transaction(world.a.scope) as live:
        event_id = live.scalar(sa.select(StripeEvent.id).limit(1))
    with pytest.raises(OutsideFailure):
        jobs.apply_event(world.a.scope, event_id=event_id)
    app.extensions["posthouse_settings"] = held
    with transaction(world.a.scope) as live:
        assert live.get(StripeEvent, (world.a.id, event_id)).state == "received"


def test_people_who_suspend_outrank_payment(shop, world):
    """A suspended tenant isn't let go on by a payment; once people let it go on, its subscription counts again."""
    plan = shop.plan(grace_days=0)
    made = shop.subscribe(world.a1, plan)
    with transaction(world.a.scope):
        set_state(world.a.scope, world.a1.id, "suspended", "Under review")
    shop.payments(world.a1, work=False)
    shop.renew(made)
    shop.pump()
    assert shop.state(world.a1) == (State.PAUSED, "suspended")
    with transaction(world.a.scope):
        set_state(world.a.scope, world.a1.id, "active", "Reviewed")
    jobs.tenant_state_changed(world.a.scope, jobs.TenantStateChanged(tenant_id=world.a1.id, before="suspended", state="active"))
    assert shop.state(world.a1) == (State.PAUSED, "paused")


def test_another_resellers_scope_acts_on_nothing(shop, world):
    """An event's job in another reseller's scope finds no event and changes nothing."""
    shop.complete(start_checkout(world.a1.scope, shop.plan().id))
    shop.take_in(shop.collect())
    with transaction(world.a.scope) as live:
        event_ids = list(live.scalars(sa.select(StripeEvent.id)))
    for event_id in event_ids:
        jobs.apply_event(world.b.scope, event_id=event_id)
    jobs.reconcile_account(world.b.scope, account_id=shop.account.id)
    assert shop.state(world.a1) == (None, "active")
    assert {state for _, state, _ in shop.events()} == {"received"}


def test_contacts_and_weight_follow_the_plan(shop, world, at):
    """What a plan allows at any time holds with the plan, and another plan's replaces it."""
    plan = shop.plan(weight=4, contacts=500)
    shop.subscribe(world.a1, plan)
    with transaction(world.a1.scope):
        assert allowances.plan_of(world.a1.scope) == plan.id
        assert (allowances.contacts(world.a1.scope).allowed, allowances.weight(world.a1.scope)) == (500, 4)
    with transaction(world.a2.scope):
        assert allowances.plan_of(world.a2.scope) is None
        assert (allowances.contacts(world.a2.scope).allowed, allowances.weight(world.a2.scope)) == (None, 1)
