"""Rates per second, minute or hour: GCRA in one Redis script. What happens when Redis is away is stated at every use."""

from __future__ import annotations

import time
from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class Bucket:
    """One of several that are taken from at once: a permit each `spacing_seconds`, and `burst` of them at once."""

    key: str
    spacing_seconds: float
    burst: int


@dataclass(frozen=True, slots=True)
class Lot:
    """How many permits all buckets gave; where none, after how long to ask again and which of them (its place) binds longest."""

    amount: int
    retry_after_seconds: float
    binding: int


@lru_cache(maxsize=4)
def _script(url: str, name: str) -> Script:
    return bell.brisk_client(url, patience_seconds=PATIENCE_SECONDS).register_script(Path(__file__).with_name(name).read_text())


def take_lot(buckets: Sequence[Bucket], *, wanted: int) -> Lot | None:
    """Take up to `wanted` permits that all buckets give; None when Redis can't be asked, and the caller decides. Never raises."""
    arguments: list[float] = [wanted]
    for one in buckets:
        spacing = one.spacing_seconds * MICROSECONDS
        arguments += [spacing, spacing * one.burst]
    try:
        amount, wait, binding = _script(settings().redis_url, "rates.lua")(keys=[PREFIX + one.key for one in buckets], args=arguments)
    except RedisError as problem:
        logs.get().warning("rate.not_asked", problem=str(problem))
        return None
    return Lot(int(amount), float(wait) / MICROSECONDS, max(0, int(binding) - 1))


def take(key: str, rate: Rate, *, cost: int = 1) -> Taken:
    """Take `cost` from the bucket of `key`. Never raises."""
    interval = rate.seconds * MICROSECONDS / rate.count
    arguments = [interval, rate.seconds * MICROSECONDS, cost, int(time.time() * MICROSECONDS)]
    try:
        allowed, wait, remaining = _script(settings().redis_url, "rate.lua")(keys=[PREFIX + key], args=arguments)
    except RedisError as problem:
        logs.get().warning("rate.not_asked", problem=str(problem), allowed=rate.open_when_away)
        return Taken(rate.open_when_away, 0, 0.0 if rate.open_when_away else 1.0)
    return Taken(bool(allowed), int(remaining), float(wait) / MICROSECONDS)
