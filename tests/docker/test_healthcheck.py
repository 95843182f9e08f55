"""The containers' health check asks real services, and says no to silence, errors and strangers."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from product import free_port

CHECK = Path(__file__).resolve().parents[2] / "docker" / "healthcheck.py"


@contextmanager
def _answers(words: bytes) -> Iterator[int]:
    """Answer one connection with these words."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            peer, _ = door.accept()
            with peer:
                peer.sendall(words)
                peer.recv(4096)

        serving = threading.Thread(target=serve)
        serving.start()
        yield door.getsockname()[1]
        serving.join(10)


def _status(name: str, port: int) -> int:
    env = {f"POSTHOUSE_{name.upper()}_PORT": str(port)}
    return subprocess.run([sys.executable, "-I", CHECK, name], env=env, check=False, capture_output=True, timeout=30).returncode


@pytest.mark.parametrize(
    ("name", "words", "status"),
    [
        ("web", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n", 0),
        ("web", b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", 1),
        ("web", b"220 post.example ESMTP\r\n", 1),
        ("inbound", b"220 post.example ESMTP\r\n", 0),
        ("inbound", b"421 4.3.2 Too busy\r\n", 1),
    ],
)
def test_what_a_service_says_decides(name, words, status):
    with _answers(words) as port:
        assert _status(name, port) == status


@pytest.mark.parametrize("name", ["web", "inbound"])
def test_nobody_there(name):
    assert _status(name, free_port()) == 1
