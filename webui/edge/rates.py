"""How many requests a program may make. Asked before anything else is done for it."""

from __future__ import annotations

import math

from flask import Flask, Response, g

from posthouse.platform import ratelimit
from posthouse.platform.app import settings
from posthouse.platform.errors import LimitReached

WRONG_KEYS_PER_MINUTE = 60


def install(app: Flask) -> None:
    """Tell every program how many requests are left."""
    app.after_request(_tell)


def take(key_id: int) -> None:
    """Take one request from a key's bucket. Raises: LimitReached.

    Open while Redis is away: the quotas in the database still hold for what is sent.
    """
    per_minute = settings().api_requests_per_minute
    taken = ratelimit.take(f"api:{key_id}", ratelimit.Rate(per_minute, 60, open_when_away=True))
    g.posthouse_rate = (per_minute, taken.remaining)
    if not taken.allowed:
        raise _reached(f"At most {per_minute:,} requests a minute.", taken)


def take_wrong(origin: str) -> None:
    """Count a wrong key of a caller. Raises: LimitReached for one who goes on guessing."""
    taken = ratelimit.take(f"api.wrong:{origin}", ratelimit.Rate(WRONG_KEYS_PER_MINUTE, 60, open_when_away=True))
    if not taken.allowed:
        raise _reached("Too many requests with a wrong key.", taken)


def _reached(sentence: str, taken: ratelimit.Taken) -> LimitReached:
    wait = max(1, math.ceil(taken.retry_after_seconds))
    return LimitReached("api_rate", f"{sentence} Wait {wait} s.", retry_after_seconds=wait)


def _tell(response: Response) -> Response:
    if "posthouse_rate" in g:
        limit, remaining = g.posthouse_rate
        response.headers["RateLimit-Limit"] = str(limit)
        response.headers["RateLimit-Remaining"] = str(remaining)
        response.headers["RateLimit-Reset"] = str(math.ceil((limit - remaining) * 60 / limit))
    return response
