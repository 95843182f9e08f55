"""The doorbell: Redis carries wake-ups, never work. A lost Redis loses nothing; the scheduler rings again from the tables."""

from __future__ import annotations

import time
from functools import lru_cache

from redis import Redis
from redis.exceptions import RedisError
from redis.exceptions import RedisError as Away  # for rooms above, which know Redis only through this file

from posthouse.platform import logs

__all__ = ["Away", "Bell", "Redis", "brisk_client", "client"]

PREFIX = "posthouse:bell:"
RINGING_SECONDS = 1.0  # a Redis that hangs must not hold whoever has just committed
LONGEST_WAIT_SECONDS = 2.0
SILENT_SECONDS = 5.0  # a Redis that answers nothing for so long, be it only that nobody rang, is away
_KEEP = 8  # rings kept for a bell that nobody hears; more would only wake in vain


@lru_cache(maxsize=4)
def client(url: str) -> Redis:
    """Return this process's connection pool to Redis."""
    return Redis.from_url(url, socket_connect_timeout=2, socket_timeout=SILENT_SECONDS, health_check_interval=30)


@lru_cache(maxsize=8)
def brisk_client(url: str, *, patience_seconds: float) -> Redis:
    """Return a client for who must answer at once: it gives up soon, by raising Away."""
    return Redis.from_url(url, socket_timeout=patience_seconds, socket_connect_timeout=patience_seconds)


class Bell:
    """Rings and hears the bells of one installation."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ring(self, name: str) -> None:
        """Wake whoever waits on `name`. Never raises: when Redis is away the scheduler's next tick does it instead."""
        try:
            pipe = brisk_client(self.url, patience_seconds=RINGING_SECONDS).pipeline(transaction=False)
            pipe.lpush(PREFIX + name, b"1")
            pipe.ltrim(PREFIX + name, 0, _KEEP - 1)
            pipe.execute()
        except RedisError as problem:
            logs.get().warning("bell.not_rung", bell=name, problem=str(problem))

    def wait(self, name: str, seconds: float) -> bool:
        """Wait until the bell rings, at most `seconds` and two of them; say whether it rang. Redis away counts as silence and takes the time."""
        try:
            rang = client(self.url).blpop([PREFIX + name], timeout=min(max(seconds, 0.01), LONGEST_WAIT_SECONDS)) is not None
        except RedisError:
            time.sleep(min(seconds, 1.0))
            return False
        return rang
