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
    with (product.folder / "up.log").open("wb") as log:
        command = [sys.executable, "-m", "posthouse.platform.cli", "up"]
        process = subprocess.Popen(command, env=product.environment, stdout=log, stderr=log)
    product.processes.append(process)
    until(lambda: fetch(product.url + "/sign-in"))
    assert "Sign in as operator@" in (product.folder / "up.log").read_text()
    first = _child(process, "scheduler").pid
    os.kill(first, signal.SIGKILL)
    until(lambda: (found := _child(process, "scheduler")) is not None and found.pid != first)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    assert time.monotonic() - began < 10


def _embedded(process, name):
    return [one for one in psutil.Process(process.pid).children() if one.name() == name]


def test_up_heals_without_its_nursery_too(product):
    """Who loses the process that others are forked from starts them by their command lines; nobody who works is disturbed."""
    process = product.start("up")
    until(lambda: fetch(product.url + "/sign-in"))
    web, scheduler = _child(process, "web"), _child(process, "scheduler")
    _child(process, "nursery").kill()
    scheduler.kill()
    until(lambda: (found := _child(process, "scheduler")) is not None and found.pid != scheduler.pid)
    assert "posthouse.platform.cli" in _child(process, "scheduler").cmdline()
    assert _child(process, "web").pid == web.pid
    assert '"nursery.gone"' in (product.folder / "up.log").read_text()


def test_up_that_is_killed_leaves_nobody_behind(product):
    """kill -9 ends every process that it started, the services' too, and the next start at once begins where this one ended."""
    process = product.start("up")
    until(lambda: fetch(product.url + "/sign-in"))
    family = psutil.Process(process.pid).children(recursive=True)
    assert {"postgres", "redis-server"} <= {one.name() for one in family}
    process.kill()
    process.wait()
    again = product.start("up")
    _, living = psutil.wait_procs(family, timeout=10)
    assert living == []
    until(lambda: fetch(product.url + "/sign-in"))
    assert "Sign in as" not in (product.folder / "up.log").read_text(), "the operator is there from the first run"
    assert again.poll() is None


@pytest.mark.parametrize("name", ["postgres", "redis-server"])
def test_up_starts_an_embedded_server_again(product, name):
    """One that is killed is noticed and started, and the same processes go on with it."""
    process = product.start("up")
    until(lambda: fetch(product.url + "/sign-in"))
    web = _child(process, "web").pid
    (victim,) = _embedded(process, name)
    victim.kill()
    until(lambda: [one for one in _embedded(process, name) if one.pid != victim.pid])
    until(lambda: fetch(product.url + "/sign-in"))
    assert _child(process, "web").pid == web
    until(lambda: '"service.started"' in (product.folder / "up.log").read_text())


def test_up_ends_in_time_while_it_still_starts(product):
    """A stop that comes while the files of the database are made is heeded, and the next start is whole."""
    process = product.start("up")
    until(lambda: list((product.folder / "data").glob("postgres*/")))
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    assert time.monotonic() - began < 10
    product.start("up")
    until(lambda: fetch(product.url + "/sign-in"))


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
