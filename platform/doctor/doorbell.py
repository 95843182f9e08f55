"""Is Redis there, new enough, and set so that it forgets nothing on its own?"""

from __future__ import annotations

import re
from collections.abc import Iterator

import redis
from redis.exceptions import RedisError

from posthouse.platform.doctor.findings import Finding, Ground, fail, ok, reason, warn

OLDEST = (6, 2)
PATIENCE_SECONDS = 5


def connected(url: str) -> redis.Redis:
    """Return a client that waits at most a few seconds. Raises: ValueError for what is no address."""
    return redis.Redis.from_url(url, socket_connect_timeout=PATIENCE_SECONDS, socket_timeout=PATIENCE_SECONDS)


def look(ground: Ground) -> Iterator[Finding]:
    """Reach Redis and read what it says of itself."""
    if not ground.settings.redis_url:
        return
    try:
        with connected(ground.settings.redis_url) as client:
            said = client.info()
    except ValueError:
        yield fail("redis", "POSTHOUSE_REDIS_URL is no address", "Write it as redis://HOST:PORT/0, rediss://... or unix:///path?db=0.")
        return
    except (RedisError, OSError) as problem:
        yield fail(
            "redis", f"can't be reached: {reason(problem)}", "Start Redis, or correct POSTHOUSE_REDIS_URL. No mail is lost meanwhile."
        )
        return
    yield _version(str(said.get("redis_version", "")))
    yield _eviction(str(said.get("maxmemory_policy", "")), int(said.get("maxmemory", 0)))


def _version(text: str) -> Finding:
    numbers = tuple(int(part) for part in re.findall(r"\d+", text)[:2])
    if numbers < OLDEST:
        return fail("redis", f"version {text or 'unknown'} is too old", "Move to Redis 6.2 or later, or Valkey.")
    return ok("redis", f"version {text} answers")


def _eviction(policy: str, limit_bytes: int) -> Finding:
    if policy == "noeviction":
        return ok("redis", "forgets nothing on its own (noeviction)")
    says = f"maxmemory-policy is {policy or 'unknown'}"
    do = "Set maxmemory-policy noeviction: with another one rate limits and wake-ups vanish when memory is short."
    if limit_bytes and policy.startswith("allkeys"):
        return fail("redis", f"{says} with a limit of {limit_bytes} bytes", do)
    return warn("redis", says, do)
