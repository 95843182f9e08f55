"""A person gets through Checkout, an invoice and the portal with plain forms."""

import urllib.error
import urllib.parse
import urllib.request

import pytest


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def visit(url, do=None):
    """Return status, the way on and the page."""
    body = urllib.parse.urlencode({"do": do}).encode() if do else None
    try:
        with urllib.request.build_opener(_Stay).open(url, data=body) as answer:
            return answer.status, None, answer.read().decode()
    except urllib.error.HTTPError as other:
        with other:
            return other.code, other.headers.get("Location"), other.read().decode()


@pytest.fixture
def customer(client):
    return client.v1.customers.create({"email": "owner@hill.example"})


@pytest.fixture
def price(client):
    return client.v1.prices.create(
        {"product_data": {"name": "<b>M & L</b>"}, "unit_amount": 2990, "currency": "eur", "recurring": {"interval": "month"}}
    )


@pytest.fixture
def session(client, customer, price):
    return client.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "customer": customer.id,
            "line_items": [{"price": price.id, "quantity": 1}],
            "success_url": "https://app.example/done?s={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://app.example/plans",
        }
    )


def test_checkout_is_shown_declined_and_paid(client, session):
    """The page names product and price, survives a failed card, and leads on to the shop once it's paid."""
    status, _, page = visit(session.url)
    assert status == 200
    assert "€29.90" in page
    assert "&lt;b&gt;M &amp; L&lt;/b&gt;" in page
    assert "declined" in visit(session.url, "decline")[2]
    assert visit(session.url, "cancel")[:2] == (303, "https://app.example/plans")
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert visit(session.url, "pay")[:2] == (303, f"https://app.example/done?s={session.id}")
    assert client.v1.checkout.sessions.retrieve(session.id).status == "complete"
    assert visit(session.url, "pay")[0] == 303
    assert len(client.v1.subscriptions.list({}).data) == 1


def test_an_expired_checkout_says_so(client, session):
    """Nobody pays on a page that has run out."""
    client.v1.checkout.sessions.expire(session.id)
    assert visit(session.url, "pay")[0] == 410


def test_the_portal_mends_a_failed_payment(client, double, customer, price):
    """Through the portal a card fails, is replaced, pays what is open, and the subscription is told to end."""
    found = client.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})
    portal = client.v1.billing_portal.sessions.create({"customer": customer.id, "return_url": "https://app.example/billing"})
    assert "works" in visit(portal.url)[2]
    assert "is declined" in visit(portal.url, "bad_card")[2]
    books = double.house.holding(found.id)
    with double.house.lock:
        from_double = books.objects[found.id]
        assert from_double["status"] == "active"
    urllib.request.urlopen(
        urllib.request.Request(
            f"{double.url}/_double/subscriptions/{found.id}/renew", data=b"", headers={"Authorization": "Bearer sk_test_hill_house"}
        )
    ).close()
    assert "Pay what is open" in visit(portal.url)[2]
    visit(portal.url, "pay")
    assert client.v1.subscriptions.retrieve(found.id).status == "past_due"
    visit(portal.url, "good_card")
    visit(portal.url, "pay")
    assert client.v1.subscriptions.retrieve(found.id).status == "active"
    assert "ends with this period" in visit(portal.url, "end")[2]
    assert client.v1.subscriptions.retrieve(found.id).cancel_at_period_end is True
    assert visit(portal.url, "leave")[:2] == (303, "https://app.example/billing")


def test_an_invoice_page_takes_the_payment(client, customer, price):
    """The hosted invoice address works."""
    client.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})
    [made] = client.v1.invoices.list({"customer": customer.id}).data
    status, _, page = visit(made.hosted_invoice_url)
    assert status == 200
    assert "is paid" in page


@pytest.mark.parametrize("path", ["/c/cs_test_none", "/p/bps_none", "/i/in_none", "/c/../../etc/passwd", "/c/"])
def test_an_unknown_page_is_not_found(double, path):
    """An address that names nothing is a 404."""
    assert visit(double.url + path)[0] == 404
