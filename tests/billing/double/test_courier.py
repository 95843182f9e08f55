"""Webhooks arrive signed, again after a failure, and misbehave only on demand."""

import json
import socket

import pytest
import stripe

from posthouse.billing.double.courier import Habits


@pytest.fixture
def endpoint(client, listener):
    """A webhook endpoint for customers' events, created as a shop creates it: through the API."""
    return client.v1.webhook_endpoints.create({"url": listener.url, "enabled_events": ["customer.created"]})


def names(listener):
    return [json.loads(body)["data"]["object"]["name"] for body, _, _ in listener.got]


def make(client, count):
    for number in range(count):
        client.v1.customers.create({"name": str(number)})


def test_events_arrive_signed(client, double, endpoint, listener):
    """The SDK's own verification accepts what arrives, and refuses it with another secret or one byte changed."""
    client.v1.customers.create({"name": "Zoë"})
    client.v1.products.create({"name": "nobody asked for this event"})
    assert double.courier.settled(timeout_seconds=5)
    [(body, signature, _)] = listener.got
    event = client.construct_event(body, signature, endpoint.secret)
    assert (event.type, event.data.object.name, event.livemode) == ("customer.created", "Zoë", False)
    for broken in ((body, endpoint.secret + "x"), (body.replace(b"Zo", b"Za"), endpoint.secret)):
        with pytest.raises(stripe.SignatureVerificationError):
            client.construct_event(broken[0], signature, broken[1])
    assert not hasattr(client.v1.webhook_endpoints.retrieve(endpoint.id), "secret")


def test_a_failed_delivery_is_tried_again(client, double, endpoint, listener):
    """5xx and silence are tried again until it's accepted, and the others don't wait for it."""
    listener.answers = [500, 503]
    make(client, 1)
    assert double.courier.settled(timeout_seconds=5)
    assert [(one.status, one.number) for one in double.courier.attempts] == [(500, 1), (503, 2), (200, 3)]
    assert len({body for body, _, _ in listener.got}) == 1


def test_nobody_listening_is_given_up_in_the_end(client, double):
    """An endpoint that's away gets its tries and no more."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client.v1.webhook_endpoints.create({"url": f"http://127.0.0.1:{port}/", "enabled_events": ["*"]})
    make(client, 1)
    assert double.courier.settled(timeout_seconds=5)
    assert [one.status for one in double.courier.attempts] == [None] * 4


def test_repeats_holds_shuffles_and_loses(client, double, endpoint, listener):
    """Each kind of trouble that Stripe's users meet can be asked for, alike for the same seed."""
    double.courier.behave(Habits(hold=True, repeats=1, seed=7))
    make(client, 4)
    assert double.courier.settled(timeout_seconds=5)
    assert listener.got == []
    assert double.courier.release(shuffle=True) == 8
    assert double.courier.settled(timeout_seconds=5)
    assert sorted(names(listener)) == sorted("00112233")
    assert names(listener) != list("00112233")
    listener.got.clear()
    double.courier.behave(Habits(lose=2))
    make(client, 3)
    assert double.courier.settled(timeout_seconds=5)
    assert names(listener) == ["2"]
    assert len(client.v1.events.list({"type": "customer.created", "limit": 100}).data) == 7


def test_two_secrets_while_one_is_replaced(client, double, endpoint, listener):
    """After a roll both secrets verify, as when an endpoint's secret is rotated at Stripe."""
    with double.house.lock:
        books = double.house.holding(endpoint.id)
        books.objects[endpoint.id]["_secrets"].append("whsec_second")
    make(client, 1)
    assert double.courier.settled(timeout_seconds=5)
    [(body, signature, _)] = listener.got
    for secret in (endpoint.secret, "whsec_second"):
        assert client.construct_event(body, signature, secret).type == "customer.created"
