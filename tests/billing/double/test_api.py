"""The real Stripe SDK works against the double as it does against Stripe."""

import json
import urllib.error
import urllib.request

import pytest
import stripe
from stripe._api_version import _ApiVersion

from posthouse.billing.double.books import API_VERSION


@pytest.fixture
def price(client):
    """A price of 29.90 EUR a month."""
    product = client.v1.products.create({"name": "Größe M", "metadata": {"size": "m"}})
    return client.v1.prices.create({"product": product.id, "unit_amount": 2990, "currency": "EUR", "recurring": {"interval": "month"}})


@pytest.fixture
def customer(client):
    """A customer whose payments go through."""
    return client.v1.customers.create({"email": "owner@hill.example", "name": "Hill"})


def session_for(client, customer, price, **more):
    return client.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "customer": customer.id,
            "line_items": [{"price": price.id, "quantity": 1}],
            "success_url": "https://app.example/done?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://app.example/plans",
            **more,
        }
    )


def control(double, path, key="sk_test_hill_house", **params):
    body = "&".join(f"{name}={value}" for name, value in params.items()).encode()
    request = urllib.request.Request(double.url + "/_double" + path, data=body, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def kinds(client):
    return [event.type for event in client.v1.events.list({"limit": 100}).auto_paging_iter()][::-1]


def test_it_speaks_the_pinned_version(client):
    """The double's version is the SDK's; another one is refused, so an upgrade can't go unnoticed."""
    assert _ApiVersion.CURRENT == API_VERSION
    with pytest.raises(stripe.InvalidRequestError, match="API version"):
        client.v1.customers.create({}, options={"stripe_version": "2019-01-01"})


def test_checkout_subscribes_and_announces(client, double, customer, price):
    """A paid Checkout makes an active subscription with a paid invoice, and says so by the usual events."""
    session = session_for(client, customer, price, client_reference_id="x", metadata={"a": "b"})
    assert (session.status, session.payment_status, session.subscription) == ("open", "unpaid", None)
    control(double, f"/checkout/sessions/{session.id}/complete")
    session = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription.latest_invoice", "customer"]})
    assert (session.status, session.payment_status, session.customer.email) == ("complete", "paid", "owner@hill.example")
    found = session.subscription
    item = found["items"].data[0]
    assert (found.status, found.latest_invoice.status, found.latest_invoice.amount_paid) == ("active", "paid", 2990)
    assert found.latest_invoice.parent.subscription_details.subscription == found.id
    assert item.price.id == price.id
    assert 28 * 86400 <= item.current_period_end - item.current_period_start <= 31 * 86400
    assert kinds(client)[3:] == [
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.updated",
        "checkout.session.completed",
    ]
    with pytest.raises(stripe.InvalidRequestError, match="complete"):
        client.v1.checkout.sessions.expire(session.id)


def test_a_declined_card_leaves_checkout_open(client, double, customer, price):
    """Nothing is made when the bank says no; the next try may go through."""
    session = session_for(client, customer, price)
    control(double, f"/customers/{customer.id}/payments", outcome="declines")
    with pytest.raises(urllib.error.HTTPError) as refused:
        control(double, f"/checkout/sessions/{session.id}/complete")
    refused.value.close()
    assert refused.value.code == 402
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert client.v1.subscriptions.list({"customer": customer.id, "status": "all"}).data == []


def test_a_trial_needs_no_money(client, double, customer, price):
    """A trial begins although the card fails; its end without payment leaves the subscription overdue."""
    session = session_for(client, customer, price, subscription_data={"trial_period_days": 14, "metadata": {"k": "v"}})
    control(double, f"/customers/{customer.id}/payments", outcome="declines")
    made = control(double, f"/checkout/sessions/{session.id}/complete")
    found = client.v1.subscriptions.retrieve(made["subscription"])
    assert (found.status, found.metadata["k"], found.trial_end - found.trial_start) == ("trialing", "v", 14 * 86400)
    control(double, f"/subscriptions/{found.id}/renew")
    assert client.v1.subscriptions.retrieve(found.id).status == "past_due"


def test_a_payment_fails_and_is_mended(client, double, customer, price):
    """Renewal without money is past_due with an open invoice; given up it is unpaid; paid it is active again."""
    found = client.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})
    assert found.status == "active"
    control(double, f"/customers/{customer.id}/payments", outcome="declines")
    control(double, f"/subscriptions/{found.id}/renew")
    [owed] = client.v1.invoices.list({"subscription": found.id, "status": "open"}).data
    assert client.v1.subscriptions.retrieve(found.id).status == "past_due"
    with pytest.raises(stripe.CardError) as refused:
        client.v1.invoices.pay(owed.id)
    assert refused.value.code == "card_declined"
    control(double, f"/subscriptions/{found.id}/give_up", status="unpaid")
    assert client.v1.subscriptions.retrieve(found.id).status == "unpaid"
    control(double, f"/customers/{customer.id}/payments", outcome="succeeds")
    assert client.v1.invoices.pay(owed.id).status == "paid"
    assert client.v1.subscriptions.retrieve(found.id).status == "active"
    assert {"invoice.payment_failed", "invoice.paid"} <= set(kinds(client))


def test_changes_and_the_end(client, customer, price):
    """A subscription moves to another price, is told to end with its period, is paused, goes on, and ends once."""
    dearer = client.v1.prices.create({"product": price.product, "unit_amount": 9900, "currency": "eur", "recurring": {"interval": "month"}})
    found = client.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})
    item = found["items"].data[0]
    found = client.v1.subscriptions.update(found.id, {"items": [{"id": item.id, "price": dearer.id}], "proration_behavior": "none"})
    assert found["items"].data[0].price.unit_amount == 9900
    found = client.v1.subscriptions.update(found.id, {"cancel_at_period_end": True})
    assert found.cancel_at == item.current_period_end
    assert client.v1.subscriptions.cancel(found.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.subscriptions.cancel(found.id)
    assert client.v1.subscriptions.list({"customer": customer.id}).data == []
    assert len(client.v1.subscriptions.list({"customer": customer.id, "status": "all"}).data) == 1


def test_an_idempotency_key_acts_once(client):
    """The same key and call answer the first answer again; the same key with another call is refused."""
    options = {"idempotency_key": "customer-1"}
    first = client.v1.customers.create({"name": "One"}, options=options)
    again = client.v1.customers.create({"name": "One"}, options=options)
    assert first.id == again.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({"name": "Two"}, options=options)
    assert len(client.v1.customers.list().data) == 1


def test_lists_come_in_pages(client):
    """Paging forward reaches every object once, newest first."""
    made = [client.v1.customers.create({"name": str(number)}).id for number in range(7)]
    found = [one.id for one in client.v1.customers.list({"limit": 3}).auto_paging_iter()]
    assert found == made[::-1]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.list({"limit": 1000})


def test_accounts_do_not_meet(connect):
    """Another key's objects are not there; test and live mode of one account neither; a broken key opens nothing."""
    mine = connect().v1.customers.create({"name": "Mine"})
    for other in (connect("sk_test_other_house"), connect("sk_live_hill_house")):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            other.v1.customers.retrieve(mine.id)
        assert refused.value.code == "resource_missing"
    assert connect().v1.accounts.retrieve_current().id == connect("sk_live_hill_house").v1.accounts.retrieve_current().id
    with pytest.raises(stripe.AuthenticationError):
        connect("nonsense").v1.customers.list()


@pytest.mark.parametrize(
    ("call", "param"),
    [
        (lambda c: c.v1.customers.create({"nonsense": "x"}), "nonsense"),
        (lambda c: c.v1.prices.create({"currency": "eur"}), "unit_amount"),
        (
            lambda c: c.v1.prices.create({"currency": "euro", "unit_amount": 1, "product": "prod_x", "recurring": {"interval": "month"}}),
            "currency",
        ),
        (lambda c: c.v1.prices.create({"currency": "eur", "unit_amount": "1.5", "product": "p"}), "unit_amount"),
        (lambda c: c.v1.subscriptions.create({"customer": "cus_none", "items": [{"price": "x"}]}), "customer"),
        (lambda c: c.v1.checkout.sessions.create({"mode": "payment", "success_url": "https://x.example"}), "mode"),
        (lambda c: c.v1.customers.list({"starting_after": "cus_none"}), "starting_after"),
        (lambda c: c.v1.customers.list({"expand": ["data.nonsense"]}), "expand"),
        (lambda c: c.v1.webhook_endpoints.create({"url": "ftp://x", "enabled_events": ["*"]}), "url"),
        (lambda c: c.v1.products.create({"name": "x", "metadata": {"k" * 41: "v"}}), "metadata"),
    ],
)
def test_wrong_parameters_are_named(client, customer, call, param):
    """A wrong call gets Stripe's error with the parameter to blame."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        call(client)
    assert refused.value.param == param
    assert refused.value.http_status in {400, 404}


def test_a_body_that_is_too_large_is_refused(double):
    """A caller can't fill the double's memory."""
    request = urllib.request.Request(double.url + "/v1/customers", data=b"x" * 1_000_001, headers={"Authorization": "Bearer sk_test_hill"})
    with pytest.raises((urllib.error.HTTPError, ConnectionError, urllib.error.URLError)) as refused:
        urllib.request.urlopen(request)
    if isinstance(refused.value, urllib.error.HTTPError):
        assert refused.value.code == 413
        refused.value.close()
