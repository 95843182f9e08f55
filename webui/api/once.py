"""Idempotency keys: the answer is kept in the same transaction as what it tells of, so both exist or neither does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import request
from pydantic import BaseModel

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.errors import Conflict, Invalid
from posthouse.platform.scope import Scope

HEADER = "Idempotency-Key"
KEPT = timedelta(days=7)
MOST_CHARACTERS = 255
Answer = tuple[BaseModel | dict[str, Any], int, dict[str, str]]


def once(scope: Scope, act: Callable[[], tuple[BaseModel, int]]) -> Answer:
    """Run `act` in a transaction of the scope; the same key with the same body gives the same answer for seven days.

    Raises: Invalid for a malformed key, or one used with another body; Conflict while another request with it is at work.
    """
    key = request.headers.get(HEADER)
    with transaction(scope):
        if key is None:
            body, status = act()
            return body, status, {}
        _check(key)
        _take(scope, key)
        known = _find(scope, key)
        if known is not None:
            return known
        body, status = act()
        _keep(scope, key, body, status)
    return body, status, {}


def _check(key: str) -> None:
    if not 0 < len(key) <= MOST_CHARACTERS or not key.isascii() or not key.isprintable():
        raise Invalid("idempotency_key_malformed", f"{HEADER} holds 1 to {MOST_CHARACTERS} printable ASCII characters.")


def _take(scope: Scope, key: str) -> None:
    """One request with a key at a time; the lock ends with the transaction."""
    lock = int.from_bytes(hashlib.sha256(f"api.{scope.tenant}.{key}".encode()).digest()[:8], signed=True)
    if not session(scope).scalar(sa.text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": lock}):
        raise Conflict(
            "idempotency_key_busy", "Another request with this key is at work. Wait a moment and try again.", retry_after_seconds=1
        )


def _fingerprint() -> bytes:
    return hashlib.sha256(f"{request.method} {request.path}\n".encode() + request.get_data(cache=True)).digest()


def _find(scope: Scope, key: str) -> Answer | None:
    query = sa.text("SELECT body_hash, status, answer FROM idempotency_key WHERE tenant_id = :tenant AND key = :key AND at > :since")
    row = session(scope).execute(query, {"tenant": scope.tenant, "key": key, "since": clock.now() - KEPT}).one_or_none()
    if row is None:
        return None
    if bytes(row.body_hash) != _fingerprint():
        raise Invalid("idempotency_key_reused", "This key was used for another request. Use a new key for each one.")
    return row.answer, row.status, {"Idempotency-Replayed": "true"}


def _keep(scope: Scope, key: str, body: BaseModel, status: int) -> None:
    live = session(scope)
    live.execute(
        sa.text("DELETE FROM idempotency_key WHERE tenant_id = :tenant AND at <= :since"),
        {"tenant": scope.tenant, "since": clock.now() - KEPT},
    )
    live.execute(
        sa.text(
            "INSERT INTO idempotency_key (tenant_id, key, body_hash, status, answer, at)"
            " VALUES (:tenant, :key, :hash, :status, CAST(:answer AS jsonb), :at)"
        ),
        {
            "tenant": scope.tenant,
            "key": key,
            "hash": _fingerprint(),
            "status": status,
            "answer": json.dumps(body.model_dump(mode="json")),
            "at": clock.now(),
        },
    )
