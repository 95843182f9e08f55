"""The side of submission that asks the database: run on threads, one short transaction for each question."""

from __future__ import annotations

import math
from dataclasses import dataclass

from posthouse.platform import ids, ratelimit
from posthouse.platform.app import house, settings
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, LimitReached
from posthouse.platform.scope import Scope, public
from posthouse.sending import permissions
from posthouse.sending.transactional.mime import MimeMessage, accept_mime, check_mime_account, check_mime_recipient
from posthouse.tenants.keys import services as keys

WRONG_KEYS_PER_MINUTE = 60


class KeyGone(Exception):
    """The key was revoked, or its maker has left, since the program signed in."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a program signed in with; asked anew at each step, so that a revoked key stops at once."""

    key: str
    origin: str


def sign_in(access: Access) -> Scope | None:
    """Return the key's scope, None for a wrong key. Raises: LimitReached for one who goes on guessing."""
    found = _scope(access)
    if found is None:
        taken = ratelimit.take(f"api.wrong:{access.origin}", ratelimit.Rate(WRONG_KEYS_PER_MINUTE, 60, open_when_away=True))
        if not taken.allowed:
            raise LimitReached("api_rate", "Too many requests with a wrong key. Wait a minute.")
    return found


def may_send(scope: Scope) -> bool:
    """Say whether a key may send at all."""
    return bool({permissions.SEND_MESSAGES.name, "*"} & scope.permissions)


def begin(access: Access) -> None:
    """Ask whether a message may be begun. Raises: KeyGone, LimitReached, Conflict, Forbidden.

    A message takes one request of the key's rate, as over HTTP.
    """
    scope = _required(access)
    per_minute = settings().api_requests_per_minute
    taken = ratelimit.take(f"api:{scope.actor.id}", ratelimit.Rate(per_minute, 60, open_when_away=True))
    if not taken.allowed:
        wait = max(1, math.ceil(taken.retry_after_seconds))
        raise LimitReached("api_rate", f"At most {per_minute:,} messages a minute with this key. Wait {wait} s.")
    with transaction(scope):
        check_mime_account(scope)


def ask(access: Access, recipient: str) -> AppError | None:
    """Return why a recipient can't be written to, None if it can. Raises: KeyGone."""
    scope = _required(access)
    try:
        with transaction(scope):
            check_mime_recipient(scope, recipient)
    except AppError as refusal:
        return refusal
    return None


def take(access: Access, recipients: list[str], raw: bytes) -> list[tuple[str, str]]:
    """Keep a message for all its recipients and return each one's address and message id. Raises: KeyGone, AppError.

    It is kept when this returns: the transaction is committed.
    """
    scope = _required(access)
    with transaction(scope):
        card = accept_mime(scope, MimeMessage(raw=raw, recipients=recipients))
        keys.note_use(scope)
    return [(one.to, ids.encode("msg", one.message_id)) for one in card.copies]


def _required(access: Access) -> Scope:
    scope = _scope(access)
    if scope is None:
        raise KeyGone
    return scope


def _scope(access: Access) -> Scope | None:
    asking = public("whose key")
    with transaction(asking):
        return keys.authenticate(
            asking, access.key, house().permissions, reason="SMTP submission", request_id=asking.request_id, origin=access.origin
        )
