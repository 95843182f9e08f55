"""Rates per second, minute or hour: GCRA in one Redis script. What happens when Redis is away is stated at every use."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from redis.commands.core import Script
from redis.exceptions import RedisError

from posthouse.platform import bell, logs
from posthouse.platform.app import settings

PREFIX = "posthouse:rate:"
MICROSECONDS = 1_000_000
PATIENCE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` in `seconds`, all of them at once if need be. `open_when_away`: whether to allow when Redis can't be asked."""

    count: int
    seconds: float
    open_when_away: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """What was decided: `remaining` could be taken at once now, `retry_after_seconds` is 0 where it was allowed."""

    allowed: bool
    remaining: int
    retry_after_seconds: float


@lru_cache(maxsize=2)
def _script(url: str) -> Script:
    return bell.brisk_client(url, patience_seconds=PATIENCE_SECONDS).register_script(Path(__file__).with_name("rate.lua").read_text())


def take(key: str, rate: Rate, *, cost: int = 1) -> Taken:
    """Take `cost` from the bucket of `key`. Never raises."""
    interval = rate.seconds * MICROSECONDS / rate.count
    arguments = [interval, rate.seconds * MICROSECONDS, cost, int(time.time() * MICROSECONDS)]
    try:
        allowed, wait, remaining = _script(settings().redis_url)(keys=[PREFIX + key], args=arguments)
    except RedisError as problem:
        logs.get().warning("rate.not_asked", problem=str(problem), allowed=rate.open_when_away)
        return Taken(rate.open_when_away, 0, 0.0 if rate.open_when_away else 1.0)
    return Taken(bool(allowed), int(remaining), float(wait) / MICROSECONDS)
