"""Forget a person in what programs were told: the address goes from the log of webhooks and from answers kept for repeats."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.events import Handler
from posthouse.platform.jobs import Job, enqueue
from posthouse.platform.scope import Scope
from posthouse.tenants.contacts.erasure import addresses_of
from posthouse.tenants.events import ContactErased

FORGET_JOB = "webui.forget_in_webhooks"
RANGE = 2_000
_LAST_LOOK = timedelta(minutes=15)

_WALK = sa.text(
    "WITH part AS MATERIALIZED (SELECT id, body FROM webhook_delivery WHERE tenant_id = :tenant AND id > :after ORDER BY id LIMIT :size)"
    " SELECT (SELECT max(id) FROM part) AS last, p.id, p.body FROM (SELECT 1) AS one LEFT JOIN part p"
    " ON EXISTS (SELECT 1 FROM unnest(CAST(:addresses AS text[])) AS a (address) WHERE position(a.address IN lower(p.body)) > 0)"
)
_BLANK = sa.text("UPDATE webhook_delivery SET body = :body WHERE tenant_id = :tenant AND id = :id")
# An endpoint may repeat in its answer what it was told.
_BLANK_ANSWERS = sa.text("UPDATE webhook_attempt SET answer = '' WHERE tenant_id = :tenant AND delivery_id = ANY (CAST(:ids AS bigint[]))")

# The answers to calls with an idempotency key, which are kept for some days.
_ANSWERS = sa.text(
    "SELECT id, answer FROM idempotency_key WHERE tenant_id = :tenant"
    " AND EXISTS (SELECT 1 FROM unnest(CAST(:addresses AS text[])) AS a (address) WHERE position(a.address IN lower(answer::text)) > 0)"
)
# A program may choose a key that says for whom the call is.
_KEYS = sa.text(
    "UPDATE idempotency_key SET key = 'forgotten.' || id WHERE tenant_id = :tenant"
    " AND EXISTS (SELECT 1 FROM unnest(CAST(:addresses AS text[])) AS a (address) WHERE position(a.address IN lower(key)) > 0)"
)
_ANSWER = sa.text("UPDATE idempotency_key SET answer = :answer WHERE tenant_id = :tenant AND id = :id").bindparams(
    sa.bindparam("answer", type_=JSONB)
)


def begin(scope: Scope, event: ContactErased) -> None:
    """Have an erased contact's address taken out: now, and once more when all news of before has been written down."""
    with transaction(scope):
        for wait in (timedelta(0), _LAST_LOOK):
            key = f"{scope.tenant}.{event.contact_id}.{wait.seconds}"
            enqueue(scope, FORGET_JOB, key=key, run_at=clock.now() + wait, contact_id=event.contact_id, sealed=event.sealed)


def forget_deliveries(scope: Scope, *, contact_id: int, sealed: str) -> None:
    """Take an erased contact's address out of what was, or is to be, told. Harmless when run twice."""
    addresses = addresses_of(scope, contact_id, sealed)
    after: int | None = 0
    while after is not None:
        with transaction(scope):
            after = _forget_range(scope, addresses, after)
    with transaction(scope):
        _forget_answers(scope, addresses)


def _forget_answers(scope: Scope, addresses: Sequence[str]) -> None:
    session(scope).execute(_KEYS, {"tenant": scope.tenant, "addresses": list(addresses)})
    for row in session(scope).execute(_ANSWERS, {"tenant": scope.tenant, "addresses": list(addresses)}).all():
        session(scope).execute(_ANSWER, {"tenant": scope.tenant, "id": row.id, "answer": _without(row.answer, addresses)})


def _forget_range(scope: Scope, addresses: Sequence[str], after: int) -> int | None:
    keys = {"tenant": scope.tenant, "after": after, "size": RANGE, "addresses": list(addresses)}
    found = session(scope).execute(_WALK, keys).all()
    naming = [row for row in found if row.id is not None]
    for row in naming:
        body = json.dumps(_without(json.loads(row.body), addresses), ensure_ascii=False, separators=(",", ":"))
        session(scope).execute(_BLANK, {"tenant": scope.tenant, "id": row.id, "body": body})
    session(scope).execute(_BLANK_ANSWERS, {"tenant": scope.tenant, "ids": [row.id for row in naming]})
    last: int | None = found[0].last
    return last


_EMPTY: dict[str, Any] = {"tags": [], "metadata": {}}


def _without(told: Any, addresses: Sequence[str]) -> Any:
    if isinstance(told, dict):
        # What its program wrote on a message may say who it was in other words.
        return {name: _EMPTY[name] if name in _EMPTY else _without(value, addresses) for name, value in told.items()}
    if isinstance(told, list):
        return [_without(value, addresses) for value in told]
    if isinstance(told, str) and any(address in told.lower() for address in addresses):
        return None
    return told


HANDLERS = [Handler(ContactErased, "webhook_log", begin)]
JOBS = [Job(FORGET_JOB, forget_deliveries)]
