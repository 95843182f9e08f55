"""The double runs as a command of its own until it's told to stop."""

import signal
import socket
import subprocess
import sys

import pytest
import stripe


def start(*arguments):
    command = [sys.executable, "-m", "posthouse.platform.cli", "stripe-double", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_answers_and_stops(number):
    """Its first line is its address; the SDK gets an answer there; a signal ends it cleanly."""
    with start("--port", "0") as process:
        url = process.stdout.readline().strip()
        http_client = stripe.RequestsClient(timeout=10)
        client = stripe.StripeClient("sk_test_hill_house", base_addresses={"api": url}, http_client=http_client)
        assert client.v1.customers.create({"name": "Hill"}).name == "Hill"
        http_client.close()
        process.send_signal(number)
        assert process.wait(timeout=10) == 0


def test_a_taken_port_is_named():
    """Another one on its port is said, with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start("--port", str(port)) as process:
            _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert f"port {port} can't be used" in said
