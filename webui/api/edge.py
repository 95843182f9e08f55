"""What every request of a program passes besides the guard: rate limit, strict body, note of use."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from posthouse.platform import ids, ratelimit
from posthouse.platform.app import settings
from posthouse.platform.db import transaction
from posthouse.platform.errors import Invalid, LimitReached, Missing
from posthouse.tenants.keys import services as keys
from posthouse.webui.api.strictness import read_body
from posthouse.webui.edge import visit

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


@blueprint.before_request
def _before() -> None:
    seen = visit.find()
    scope = seen.scope if seen else None
    if scope is None or scope.actor.kind != "key":
        return
    _limit(scope.actor.id or 0)
    read_body()
    if scope.actor.id is not None:
        with transaction(scope):
            keys.note_use(scope)


def _limit(key_id: int) -> None:
    """Take one request from the key's bucket. Open while Redis is away: the quota in the database still holds for what is sent."""
    per_minute = settings().api_requests_per_minute
    taken = ratelimit.take(f"api:{key_id}", ratelimit.Rate(per_minute, 60, open_when_away=True))
    g.posthouse_rate = (per_minute, taken.remaining, taken.retry_after_seconds)
    if not taken.allowed:
        wait = max(1, round(taken.retry_after_seconds))
        raise LimitReached("api_rate", f"At most {per_minute:,} requests a minute. Wait {wait} s.", retry_after_seconds=wait)


@blueprint.after_app_request
def _tell(response: Response) -> Response:
    if request.path.startswith("/api/") and "posthouse_rate" in g:
        limit, remaining, wait = g.posthouse_rate
        response.headers["RateLimit-Limit"] = str(limit)
        response.headers["RateLimit-Remaining"] = str(remaining)
        response.headers["RateLimit-Reset"] = str(max(0, round(wait)))
    return response


def number(prefix: str, text: str | None, *, field: str) -> int | None:
    """Return the row's number of a public id in a body, None where there is none. Raises: Invalid."""
    if text is None:
        return None
    try:
        return ids.decode(prefix, text)
    except Missing:
        raise Invalid("id_invalid", f"This is not an id of the form {prefix}_….", field=field) from None
