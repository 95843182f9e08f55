"""Whoever waits for the bell goes on, whatever becomes of Redis meanwhile."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from posthouse.platform.bell import Bell


@pytest.fixture
def silent():
    """A server that takes connections and never says a word, as a Redis behind a line that was cut."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"


def test_k20_a_redis_that_falls_silent_keeps_nobody_waiting(silent):
    """K20: work is found in the tables, so a bell that can't be heard counts as silence."""
    heard = []
    waiting = threading.Thread(target=lambda: heard.append(Bell(silent).wait("jobs", 0.2)), daemon=True)
    began = time.monotonic()
    waiting.start()
    waiting.join(timeout=15)
    assert heard == [False]
    assert time.monotonic() - began < 10


def test_a_bell_is_heard_by_who_waits(settings):
    """The usual case: it rings, and the wait is over."""
    bell = Bell(settings.redis_url)
    bell.ring("test-bell")
    assert bell.wait("test-bell", 5.0)
    assert not bell.wait("test-bell", 0.01)
