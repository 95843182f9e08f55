"""Embedded Redis: real, private, evicts nothing, keeps its queue over a restart."""

from __future__ import annotations

import stat
from pathlib import Path

import psutil
import pytest
import redis as client

from posthouse.platform.embedded import redis
from posthouse.platform.embedded.places import CannotStart


def test_durable_server_keeps_keys_over_a_restart(tmp_path: Path) -> None:
    """A doorbell that was rung is heard after a restart; nothing is ever evicted."""
    first = redis.start(tmp_path, durable=True)
    with client.Redis.from_url(first.url) as connection:
        connection.rpush("bell", "rung")
        assert connection.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert connection.config_get("appendonly") == {"appendonly": "yes"}
    first.stop()
    assert not first.alive()
    second = redis.start(tmp_path, durable=True)
    try:
        with client.Redis.from_url(second.url) as connection:
            assert connection.lrange("bell", 0, -1) == [b"rung"]
    finally:
        second.stop()


def test_server_is_private(tmp_path: Path) -> None:
    """It listens on no network address, and its socket lies in a closed folder."""
    running = redis.start(tmp_path, durable=False)
    try:
        assert not [c for c in psutil.Process(running.pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
        assert stat.S_IMODE((tmp_path / "run" / "redis").stat().st_mode) == 0o700
    finally:
        running.stop()


def test_second_start_is_refused(tmp_path: Path) -> None:
    """A folder in use is refused, and its server goes on."""
    running = redis.start(tmp_path, durable=False)
    try:
        with pytest.raises(CannotStart, match="already runs redis"):
            redis.start(tmp_path, durable=False)
        assert running.alive()
    finally:
        running.stop()


def test_number_of_another_process_is_harmless(tmp_path: Path) -> None:
    """A pid file left behind that now names a stranger, here ourselves, hurts nobody."""
    redis.start(tmp_path, durable=False).stop()
    (tmp_path / "run" / "redis" / "redis.pid").write_text(f"{psutil.Process().pid}\n")
    running = redis.start(tmp_path, durable=False)
    running.stop()
    assert psutil.pid_exists(psutil.Process().pid)
