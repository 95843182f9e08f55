"""Alive and ready, told apart; and what still works when the database is gone and Redis hangs."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from databases import SECRET_KEYS
from product import free_port
from serving import Served, serving

from posthouse.platform.secrets import parse_keys
from posthouse.platform.settings import Settings
from posthouse.sending.tokens import Mint
from posthouse.sending.tracking.urls import PIXEL
from posthouse.tenants.keys.rules import make


@pytest.fixture(scope="module")
def tar_pit() -> Iterator[int]:
    """A port that takes connections and never answers: a server that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture(scope="module")
def stranded(tmp_path_factory: pytest.TempPathFactory, tar_pit: int) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("stranded")
    away = replace(
        Settings(),
        data=folder,
        database_url=f"postgresql://postgres@127.0.0.1:{free_port()}/nothing",
        redis_url=f"redis://127.0.0.1:{tar_pit}/0",
        secret_keys=SECRET_KEYS,
    )
    with serving(away, folder) as served:
        yield served


def test_a_healthy_process_is_alive_and_ready(street):
    for path in ("/health/live", "/health/ready"):
        for method in ("GET", "HEAD"):
            answer = street.served.call(method, path)
            assert answer.status == 200
            assert answer.body == (b"ok\n" if method == "GET" else b"")
            assert answer.headers["cache-control"] == "no-store"
            assert "set-cookie" not in answer.headers
        assert street.served.call(method, path, headers={"Host": "10.1.2.3:80"}).status == 200  # balancers ask by address
        assert street.served.call("POST", path).status == 405


def test_a_stranded_process_is_alive_but_not_ready_and_says_so_soon(stranded):
    assert stranded.call("GET", "/health/live").status == 200
    began = time.monotonic()
    answer = stranded.call("GET", "/health/ready")
    assert (answer.status, answer.text) == (503, "database away\nredis away\n")
    assert time.monotonic() - began < 8
    assert "posthouse" not in answer.text.lower()


def test_pictures_are_shown_with_everything_away(stranded):
    """What a recipient opens is answered from the token alone, and what was seen waits in memory."""
    token = Mint(parse_keys(SECRET_KEYS)).mint(1, 2).url
    answer = stranded.call("GET", f"/t/o/{token}", headers={"User-Agent": "Mozilla/5.0 (X11)"})
    assert (answer.status, answer.body) == (200, PIXEL)


@pytest.mark.parametrize("path", ["/api/v1/lists", "/t/u/{token}"])
def test_the_rest_says_that_it_is_away_and_when_to_come_back(stranded, path):
    """No half-made page, no trace, no word of what runs behind."""
    token = Mint(parse_keys(SECRET_KEYS)).mint(1, 2).url
    answer = stranded.call("GET", path.format(token=token), headers={"Authorization": f"Bearer {make()}"})
    assert answer.status == 503
    assert answer.headers["retry-after"] == "5"
    assert not any(word in answer.text.lower() for word in ("posthouse", "postgres", "sqlalchemy", "redis", "traceback"))
