"""The doctor tells a Redis that is stopped, refuses, is too old or forgets on its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis as client
from services import services

from posthouse.platform.doctor import doorbell
from posthouse.platform.doctor.findings import Ground, Level
from posthouse.platform.embedded import redis
from posthouse.platform.settings import Settings


def _look(url: str):
    return list(doorbell.look(Ground(replace(Settings(), redis_url=url), None)))


def test_a_well_redis():
    assert {one.level for one in _look(services().redis_url)} == {Level.OK}


def test_a_stopped_redis(tmp_path):
    running = redis.start(tmp_path, durable=False)
    assert {one.level for one in _look(running.url)} == {Level.OK}
    running.stop()
    [found] = _look(running.url)
    assert (found.level, found.what[:16]) == (Level.FAIL, "can't be reached")


def test_a_wrong_password_is_not_repeated(tmp_path):
    running = redis.start(tmp_path, durable=False)
    try:
        with client.Redis.from_url(running.url) as admin:
            admin.config_set("requirepass", "right")
        [found] = _look(running.url + "&password=wr0ng")
    finally:
        running.stop()
    assert found.level is Level.FAIL
    assert "wr0ng" not in found.what + found.do


@pytest.mark.parametrize("url", ["nonsense", "http://127.0.0.1/"])
def test_what_is_no_address(url):
    [found] = _look(url)
    assert (found.level, found.what) == (Level.FAIL, "POSTHOUSE_REDIS_URL is no address")


@pytest.mark.parametrize(
    ("policy", "limit", "level"),
    [("noeviction", 0, Level.OK), ("volatile-lru", 2**30, Level.WARN), ("allkeys-lru", 0, Level.WARN), ("allkeys-lru", 2**30, Level.FAIL)],
)
def test_the_eviction_policy_that_it_runs_with(tmp_path, policy, limit, level):
    running = redis.start(tmp_path, durable=False)
    try:
        with client.Redis.from_url(running.url) as admin:
            admin.config_set("maxmemory", limit)
            admin.config_set("maxmemory-policy", policy)
        assert _look(running.url)[-1].level is level
    finally:
        running.stop()


def test_an_old_redis(monkeypatch):
    monkeypatch.setattr(doorbell, "OLDEST", (99, 0))
    assert "too old" in _look(services().redis_url)[0].what
