"""`posthouse stripe-double`: runs the double as a process of its own, until it's told to stop."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from posthouse.billing.double.server import StripeDouble
from posthouse.platform.cli import Command
from posthouse.platform.settings import Settings

PORT = 12111


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; it is meant for this machine alone")
    parser.add_argument("--port", type=int, default=PORT, help=f"port to listen on; 0 takes a free one (default {PORT})")
    parser.add_argument("--page", help="address under which a browser reaches it, where that is another than its own")


def _run(_settings: Settings, arguments: argparse.Namespace) -> int:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        double = StripeDouble(host=arguments.host, port=arguments.port, page=arguments.page)
    except OSError as error:
        sys.stderr.write(f"posthouse: port {arguments.port} can't be used ({error.strerror}). Choose another one with --port.\n")
        return 1
    with double:
        sys.stdout.write(f"{double.url}\n")
        sys.stdout.flush()
        stopping.wait()
    return 0


COMMAND = Command("stripe-double", "Stand in for Stripe: Checkout, subscriptions and signed webhooks, without money.", _run, _configure)
