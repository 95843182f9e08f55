"""A Stripe double on a free port, with the real SDK pointed at it."""

import http.server
import threading
from dataclasses import replace

import pytest
import stripe
from stripe_shop import open_shop

from posthouse.billing.double.server import StripeDouble

KEY = "sk_test_hill_house"


@pytest.fixture
def double():
    """Run a double of its own for each test."""
    with StripeDouble(retry_seconds=(0.01, 0.02, 0.05)) as running:
        yield running


@pytest.fixture
def books(double):
    """The books of the account that `client` speaks for."""
    return double.house.books(KEY)


@pytest.fixture
def connect(double):
    """Make SDK clients for any key; their connections are closed at the end."""
    opened = []

    def make(key: str = KEY) -> stripe.StripeClient:
        http_client = stripe.RequestsClient(timeout=10)
        opened.append(http_client)
        return stripe.StripeClient(key, base_addresses={"api": double.url}, max_network_retries=0, http_client=http_client)

    yield make
    for http_client in opened:
        http_client.close()


@pytest.fixture
def client(connect):
    """The real SDK with one account's key."""
    return connect()


class Listener:
    """A webhook endpoint that keeps what it gets; `answers` are the statuses of the next replies, then 200."""

    def __init__(self):
        self.got = []
        self.answers = []
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.got.append((body, self.headers["Stripe-Signature"], self.path))
                self.send_response(listener.answers.pop(0) if listener.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.url = self.base + "/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def listener():
    """A webhook endpoint on a free port."""
    running = Listener()
    yield running
    running.close()


@pytest.fixture
def settings(settings, double, listener):
    """The house's settings with the double in Stripe's place and the listener in the web service's."""
    return replace(settings, stripe_api=double.url, public_url=listener.base)


@pytest.fixture
def shop(world, double, listener):
    """Reseller a's shop."""
    return open_shop(double, listener, world.a, KEY)
