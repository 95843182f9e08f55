"""Bodies that come slowly, on purpose or not, hold half of the threads at most."""

from __future__ import annotations

import io
import socket
import time
from contextlib import ExitStack

import pytest
from street import open_street
from werkzeug.exceptions import ServiceUnavailable

from posthouse.webui.edge import bodies
from posthouse.webui.edge.bodies import BodyGate

SLOW = (
    b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n\r\nemail=a"
)


def test_many_who_never_finish_leave_room_for_others(tmp_path):
    """Pages, health and pixels go on; who wants to send something is told to come back, and can when they are gone."""
    with open_street(tmp_path) as street, ExitStack() as lines:
        for _ in range(street.served.settings.web_threads * 3):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", street.served.settings.web_port)))
            line.sendall(SLOW)
        began = time.monotonic()
        assert street.served.call("GET", "/health/live").status == 200
        assert street.served.call("GET", "/sign-in").status == 200
        assert time.monotonic() - began < 15
        refused = street.served.call("POST", "/sign-in", body="email=a", headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        lines.close()
        program = street.program(street.world.a1)
        assert program.call("POST", "/lists", {"name": "Afterwards"}).status == 201


def _environ(body: bytes) -> dict:
    return {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}


def test_a_slot_is_given_back_however_a_request_ends(monkeypatch):
    """Read whole, read in part, left unread, or broken off by an error."""
    monkeypatch.setattr(bodies, "PATIENCE_SECONDS", 0.01)

    def fails(environ, _start):
        environ["wsgi.input"].read(2)
        raise RuntimeError

    def whole(environ, _start):
        return [environ["wsgi.input"].read()]

    def part(environ, _start):
        return [environ["wsgi.input"].readline(3)]

    gate = BodyGate(whole, 1)
    for inner in (whole, part, lambda _environ, _start: [b""], fails, whole):
        gate._inner = inner
        if inner is fails:
            with pytest.raises(RuntimeError):
                gate(_environ(b"abcdef"), None)
        else:
            list(gate(_environ(b"abcdef"), None))
    assert gate._slots.acquire(blocking=False)


def test_one_too_many_is_refused_at_its_first_read(monkeypatch):
    """Two requests at once where one may read."""
    monkeypatch.setattr(bodies, "PATIENCE_SECONDS", 0.01)

    def nested(environ, _start):
        environ["wsgi.input"].read(1)
        with pytest.raises(ServiceUnavailable):
            other(_environ(b"abc"), None)
        return []

    gate = BodyGate(nested, 1)
    other = BodyGate(lambda environ, _start: [environ["wsgi.input"].read(1)], 1)
    other._slots = gate._slots
    gate(_environ(b"abc"), None)
    assert list(other(_environ(b"abc"), None)) == [b"a"]
