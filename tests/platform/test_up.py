"""`posthouse up` as a newcomer runs it: everything starts, what is killed comes back, and all ends when asked."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest

from posthouse.platform.settings import environment


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _until(true, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture
def up(tmp_path):
    ports = _free_port(), _free_port()
    tmp_path.chmod(0o711)
    settings = {
        "POSTHOUSE_DATA": str(tmp_path / "data"),
        "POSTHOUSE_WEB_PORT": str(ports[0]),
        "POSTHOUSE_INBOUND_PORT": str(ports[1]),
        "POSTHOUSE_PUBLIC_URL": f"http://127.0.0.1:{ports[0]}",
    }
    log = (tmp_path / "log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "posthouse.platform.cli", "up"], env={**environment(), **settings}, stdout=log, stderr=subprocess.STDOUT
    )
    yield process, settings, tmp_path / "log"
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    log.close()


def _child(process, word):
    return next((one for one in psutil.Process(process.pid).children() if word in one.cmdline()), None)


def test_up_serves_heals_and_stops_within_ten_seconds(up):
    process, settings, log = up
    _until(lambda: _answers(settings["POSTHOUSE_PUBLIC_URL"] + "/sign-in"))
    assert "Sign in as operator@" in log.read_text()
    first = _child(process, "scheduler").pid
    os.kill(first, signal.SIGKILL)
    _until(lambda: (found := _child(process, "scheduler")) is not None and found.pid != first)
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
