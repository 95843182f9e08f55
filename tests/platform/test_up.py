"""`posthouse up` as a newcomer runs it: everything starts, what is killed comes back, and all ends when asked."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest
from product import fetch, make_product, until

from posthouse.platform.settings import environment


@pytest.fixture
def product(tmp_path):
    made = make_product(tmp_path)
    yield made
    made.end()


def _child(process, word):
    for one in psutil.Process(process.pid).children():
        try:
            if word in one.cmdline():
                return one
        except psutil.Error:  # it has just ended
            continue
    return None


def test_up_serves_heals_and_stops_within_ten_seconds(product):
    process = product.start("up")
    until(lambda: fetch(product.url + "/sign-in"))
    assert "Sign in as operator@" in (product.folder / "up.log").read_text()
    first = _child(process, "scheduler").pid
    os.kill(first, signal.SIGKILL)
    until(lambda: (found := _child(process, "scheduler")) is not None and found.pid != first)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    assert time.monotonic() - began < 10


def test_up_names_the_port_that_is_taken(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = {"POSTHOUSE_DATA": str(tmp_path / "data"), "POSTHOUSE_WEB_PORT": str(taken.getsockname()[1])}
        done = subprocess.run(
            [sys.executable, "-m", "posthouse.platform.cli", "up"],
            env={**environment(), **settings},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "POSTHOUSE_WEB_PORT" in done.stderr
