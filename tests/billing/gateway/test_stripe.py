"""The adapter speaks to Stripe (its double, over HTTP) and turns what comes back, failures too, into our own words."""

from datetime import UTC, datetime, timedelta

import pytest

from posthouse.billing.double import lifecycle
from posthouse.billing.double.books import DECLINES
from posthouse.billing.gateway.stripe import Stripe
from posthouse.billing.money import Money
from posthouse.billing.subscriptions.rules import State, decide
from posthouse.platform import clock
from posthouse.platform.errors import Invalid, OutsideFailure

KEY = "sk_test_hill_house"
T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def stripe(double):
    """The adapter with one account's key."""
    with Stripe(KEY, base=double.url, retries=0) as running:
        yield running


@pytest.fixture
def price(stripe):
    return stripe.make_price("Medium", Money(2990, "eur"), "month", key="plan-1")


@pytest.fixture
def customer(stripe):
    return stripe.make_customer("Hill", email="owner@hill.example", key="tenant-1")


def subscribed(books, customer, price, double, trial_days=0):
    with double.house.lock:
        return lifecycle.subscribe(books, customer, books.objects[price.price_id], trial_days=trial_days, metadata={}, page=double.url)


def test_whose_key_it_is(stripe, double):
    """A test key and a live key name the same account; only one moves money."""
    with Stripe("sk_live_hill_house", base=double.url) as live:
        assert (live.account().livemode, stripe.account().livemode) == (True, False)
        assert live.account().stripe_account == stripe.account().stripe_account


def test_what_is_made_twice_is_made_once(stripe, books, price, customer):
    """The same key makes nothing anew: product, price and customer are there once."""
    assert stripe.make_price("Medium", Money(2990, "eur"), "month", key="plan-1") == price
    assert stripe.make_customer("Hill", email="owner@hill.example", key="tenant-1") == customer
    assert [one["object"] for one in books.objects.values()] == ["product", "price", "customer"]


def test_the_facts_of_a_subscription(stripe, books, double, price, customer):
    """An active subscription's price, period and status come back exact; checkout and portal have addresses."""
    with clock.frozen(T0):
        opened = stripe.open_checkout(
            customer, price.price_id, success_url="https://x.example/y", cancel_url="https://x.example/n", key="c-1"
        )
        assert opened.url.startswith(double.url)
        assert opened.expires_at == T0 + timedelta(days=1)
        assert stripe.subscriptions(customer) == []
        subscribed(books, customer, price, double)
    [facts] = stripe.subscriptions(customer)
    assert (facts.status, facts.price_id, facts.price) == ("active", price.price_id, Money(2990, "eur"))
    assert (facts.created_at, facts.period_start, facts.period_end) == (T0, T0, datetime(2026, 12, 25, 12, tzinfo=UTC))
    assert facts.unpaid_since is None
    assert stripe.open_portal(customer, return_url="https://x.example/b").startswith(double.url)


def test_grace_runs_from_the_oldest_open_invoice(stripe, books, double, price, customer):
    """Two failed renewals: the older one is what the grace runs from, so a new invoice never lengthens it."""
    with clock.frozen(T0) as at:
        made = subscribed(books, customer, price, double)
        books.payments[customer] = DECLINES
        at.move(days=30)
        lifecycle.renew(books, made, page=double.url)
        at.move(days=31)
        lifecycle.renew(books, made, page=double.url)
        [facts] = stripe.subscriptions(customer)
        assert facts.unpaid_since == T0 + timedelta(days=30)
        found = decide(facts, now=clock.now())
        assert found is not None
        assert found.state is State.PAUSED
    shown = stripe.invoices(customer)
    assert [one.status for one in shown] == ["open", "open", "paid"]
    assert shown[0].due == Money(2990, "eur")
    assert shown[0].page is not None


def test_events_are_listed_by_kind_and_time(stripe, books, double, price, customer):
    """The reconcile can ask for what happened since a time, over several pages."""
    with clock.frozen(T0) as at:
        subscribed(books, customer, price, double)
        at.move(days=1)
        for _ in range(120):
            subscribed(books, customer, price, double)
        kinds = ["customer.subscription.created"]
        assert len(list(stripe.events(kinds, since=T0))) == 121
        assert len(list(stripe.events(kinds, since=T0 + timedelta(hours=1)))) == 120
        event = next(stripe.events(kinds, since=T0))
        assert event.kind == kinds[0]
        assert b'"object": "event"' in event.body


def test_an_endpoint_comes_and_goes(stripe):
    """A webhook endpoint is made once with its secret, and dropped as often as one likes."""
    made = stripe.make_endpoint("https://app.example/hooks/stripe/x", ["invoice.paid"], key="endpoint-1")
    assert made.secret.startswith("whsec_")
    assert stripe.make_endpoint("https://app.example/hooks/stripe/x", ["invoice.paid"], key="endpoint-1") == made
    stripe.drop_endpoint(made.endpoint_id)
    stripe.drop_endpoint(made.endpoint_id)


@pytest.mark.parametrize("key", ["nonsense", "pk_test_public_key", "sk_test_"])
def test_a_refused_key_is_the_askers_fault(double, key):
    """A wrong key is refused with what to do; the key itself isn't repeated."""
    with Stripe(key, base=double.url, retries=0) as stripe, pytest.raises(Invalid) as refused:
        stripe.account()
    assert refused.value.code == "stripe_key_refused"
    assert key not in refused.value.sentence


def test_an_unknown_customer_is_refused(stripe, price):
    """What isn't in the account is refused with Stripe's own code among the facts."""
    with pytest.raises(Invalid) as refused:
        stripe.open_checkout("cus_none", price.price_id, success_url="https://x.example", cancel_url="https://x.example", key="c-2")
    assert refused.value.facts["stripe_code"] == "resource_missing"


def test_nobody_answering_is_a_failure_outside():
    """A dead connection is the outside's failure, to be tried again."""
    with Stripe(KEY, base="http://127.0.0.1:9", retries=0) as stripe, pytest.raises(OutsideFailure) as failed:
        stripe.account()
    assert failed.value.code == "stripe_unreachable"
