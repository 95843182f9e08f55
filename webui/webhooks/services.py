"""Changes where news goes, and writes down what each endpoint is to be told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from posthouse.platform import audit, clock
from posthouse.platform.app import keyring, settings
from posthouse.platform.db import session
from posthouse.platform.errors import Conflict, Invalid, LimitReached, missing
from posthouse.platform.jobs import enqueue
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.platform.statements import rows
from posthouse.tenants.accounts.rules import clean_name
from posthouse.webui.webhooks import rules
from posthouse.webui.webhooks.kinds import KINDS, TEST
from posthouse.webui.webhooks.models import WebhookDelivery, WebhookEndpoint
from posthouse.webui.webhooks.permissions import MANAGE_WEBHOOKS

DELIVER = "webui.deliver_webhook"
MOST_ENDPOINTS = 10
KEPT = timedelta(days=30)
OLD_SECRET = timedelta(hours=24)
# Each new piece of news takes a few of those with it that are over their time: the log keeps itself short.
FORGOTTEN_AT_ONCE = 20

_FORGET = sa.text(
    "DELETE FROM webhook_delivery WHERE tenant_id = :tenant AND id IN (SELECT id FROM webhook_delivery WHERE tenant_id = :tenant"
    " AND created_at < :before AND state <> 'waiting' ORDER BY created_at LIMIT :most)"
)

# Asked at every lease, so it is asked cheaply.
_WANTED = (
    "SELECT EXISTS (SELECT 1 FROM webhook_endpoint WHERE tenant_id = %(tenant)s AND state = 'enabled' AND %(kind)s = ANY (kinds)) AS any"
)


def create_endpoint(scope: Scope, *, url: str, kinds: Iterable[str], label: str = "") -> tuple[int, str]:
    """Make an endpoint and return its id and its secret, shown this once. Raises: Invalid, LimitReached."""
    require(scope, MANAGE_WEBHOOKS)
    live = session(scope)
    row = WebhookEndpoint(url=_url(url), label=_label(label), kinds=_kinds(kinds), secret=b"")
    if len(live.scalars(sa.select(WebhookEndpoint.id)).all()) >= MOST_ENDPOINTS:
        raise LimitReached(
            "webhooks_full", f"There are {MOST_ENDPOINTS} webhooks, the most there may be. Delete one that you no longer use."
        )
    live.add(row)
    live.flush()
    secret = rules.make_secret()
    row.secret = _seal(scope, row.id, "secret", secret)
    live.flush()
    audit.record(scope, verb="webhook.created", subject="webhook", subject_id=row.id, url=row.url, kinds=row.kinds)
    return row.id, secret


def edit_endpoint(
    scope: Scope, endpoint_id: int, *, url: str | None = None, kinds: Iterable[str] | None = None, label: str | None = None
) -> None:
    """Change an endpoint; None keeps. Raises: Missing, Invalid."""
    require(scope, MANAGE_WEBHOOKS)
    row = locked(scope, endpoint_id)
    if url is not None and _url(url) != row.url:
        row.url, row.failures, row.failing_since, row.rests_until = _url(url), 0, None, None
    if kinds is not None:
        row.kinds = _kinds(kinds)
    if label is not None:
        row.label = _label(label)
    audit.record(scope, verb="webhook.edited", subject="webhook", subject_id=row.id, url=row.url, kinds=row.kinds)


def set_enabled(scope: Scope, endpoint_id: int, *, enabled: bool) -> None:
    """Stop an endpoint, or let it go on with a clean slate; what happens while it is stopped is not told later. Raises: Missing."""
    require(scope, MANAGE_WEBHOOKS)
    row = locked(scope, endpoint_id)
    if (row.state == "enabled") == enabled:
        return
    row.state, row.state_why = ("enabled", "") if enabled else ("disabled", "by hand")
    row.failures, row.failing_since, row.rests_until = 0, None, None
    audit.record(scope, verb="webhook.enabled" if enabled else "webhook.disabled", subject="webhook", subject_id=row.id, why="by hand")


def rotate_secret(scope: Scope, endpoint_id: int) -> str:
    """Give an endpoint a new secret, shown this once; messages bear signatures of both for 24 hours. Raises: Missing."""
    require(scope, MANAGE_WEBHOOKS)
    row = locked(scope, endpoint_id)
    old, secret = open_secret(scope, row.id, "secret", row.secret), rules.make_secret()
    row.secret_before, row.secret_before_until = _seal(scope, row.id, "secret_before", old), clock.now() + OLD_SECRET
    row.secret = _seal(scope, row.id, "secret", secret)
    audit.record(scope, verb="webhook.secret_rotated", subject="webhook", subject_id=row.id)
    return secret


def delete_endpoint(scope: Scope, endpoint_id: int) -> None:
    """Delete an endpoint with its log. Raises: Missing."""
    require(scope, MANAGE_WEBHOOKS)
    session(scope).delete(locked(scope, endpoint_id))
    audit.record(scope, verb="webhook.deleted", subject="webhook", subject_id=endpoint_id)


def send_test(scope: Scope, endpoint_id: int) -> int:
    """Tell an endpoint that this is a test; returns the delivery's id. Raises: Missing, Conflict when it is stopped."""
    require(scope, MANAGE_WEBHOOKS)
    row = locked(scope, endpoint_id)
    _check_enabled(row)
    key = int(session(scope).execute(sa.text("SELECT posthouse_id()")).scalar_one())
    return _tell(scope, row.id, kind=TEST, facts={key: {"message": "It works."}})[0]


def replay(scope: Scope, endpoint_id: int, delivery_id: int) -> None:
    """Send a delivery again, as it was and under its own id. Raises: Missing, Conflict while it waits or the endpoint is stopped."""
    require(scope, MANAGE_WEBHOOKS)
    _check_enabled(locked(scope, endpoint_id))
    row = session(scope).get(WebhookDelivery, (scope.tenant, delivery_id), with_for_update=True)
    if row is None or row.endpoint_id != endpoint_id:
        raise missing("delivery")
    if row.state == "waiting":
        raise Conflict("delivery_waits", "This one is still on its way. Wait for its outcome.")
    _again(scope, row, clock.now())
    audit.record(scope, verb="webhook.replayed", subject="webhook", subject_id=endpoint_id, deliveries=1)


def replay_failed(scope: Scope, endpoint_id: int, *, limit: int = 1_000) -> int:
    """Send everything again that failed, oldest first, at most `limit` at once; returns how many. Raises: Missing, Conflict."""
    require(scope, MANAGE_WEBHOOKS)
    _check_enabled(locked(scope, endpoint_id))
    failed = sa.select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.state == "failed")
    found = session(scope).scalars(failed.order_by(WebhookDelivery.id).limit(limit).with_for_update()).all()
    for row in found:
        _again(scope, row, clock.now())
    if found:
        audit.record(scope, verb="webhook.replayed", subject="webhook", subject_id=endpoint_id, deliveries=len(found))
    return len(found)


def wanted(kind: str, scope: Scope) -> bool:
    """Say whether anybody of the scope's tenant wants to hear of a kind of news; asked before it is written down."""
    if scope.tenant_id is None:
        return False
    return bool(rows(scope, _WANTED, {"tenant": scope.tenant, "kind": kind})[0].any)


def tell(scope: Scope, *, kind: str, facts: Mapping[int, dict[str, Any]]) -> None:
    """Write down pieces of news, each under its own key, for every endpoint that wants them; once each, however often it is asked for."""
    query = sa.select(WebhookEndpoint.id).where(WebhookEndpoint.state == "enabled", sa.literal(kind) == sa.any_(WebhookEndpoint.kinds))
    for endpoint_id in session(scope).scalars(query.order_by(WebhookEndpoint.id)).all():
        _tell(scope, endpoint_id, kind=kind, facts=facts)


def _tell(scope: Scope, endpoint_id: int, *, kind: str, facts: Mapping[int, dict[str, Any]]) -> Sequence[int]:
    live, now = session(scope), clock.now()
    common = {"tenant_id": scope.tenant, "endpoint_id": endpoint_id, "kind": kind, "state": "waiting", "attempts": 0}
    times = {"next_at": now, "started_at": now, "created_at": now}
    fresh = [{**common, **times, "event_key": key, "body": _body(kind, now, told)} for key, told in facts.items()]
    if not fresh:
        return []
    statement = insert(WebhookDelivery).values(fresh).on_conflict_do_nothing()
    made = live.execute(statement.returning(WebhookDelivery.id)).scalars().all()
    for delivery_id in made:
        enqueue(scope, DELIVER, delivery_id=delivery_id)
    live.execute(_FORGET, {"tenant": scope.tenant, "before": now - KEPT, "most": max(FORGOTTEN_AT_ONCE, 2 * len(made))})
    return made


def _body(kind: str, now: datetime, facts: dict[str, Any]) -> str:
    return json.dumps({"type": kind, "timestamp": _stamp(now), "data": facts}, ensure_ascii=False, separators=(",", ":"))


def _again(scope: Scope, row: WebhookDelivery, now: datetime) -> None:
    row.state, row.settled_at, row.attempts, row.next_at, row.started_at = "waiting", None, 0, now, now
    session(scope).flush()
    enqueue(scope, DELIVER, delivery_id=row.id)


def locked(scope: Scope, endpoint_id: int) -> WebhookEndpoint:
    """Return an endpoint's row, locked until the transaction ends. Raises: Missing."""
    row = session(scope).get(WebhookEndpoint, (scope.tenant, endpoint_id), with_for_update=True)
    if row is None:
        raise missing("webhook")
    return row


def open_secret(scope: Scope, endpoint_id: int, column: str, sealed: bytes) -> str:
    """Open an endpoint's secret, for signing."""
    return keyring().unseal(sealed, tenant_id=scope.tenant, table="webhook_endpoint", column=column, row_id=endpoint_id).decode()


def _seal(scope: Scope, endpoint_id: int, column: str, secret: str) -> bytes:
    return keyring().seal(secret.encode(), tenant_id=scope.tenant, table="webhook_endpoint", column=column, row_id=endpoint_id)


def _check_enabled(row: WebhookEndpoint) -> None:
    if row.state != "enabled":
        raise Conflict("webhook_stopped", "This webhook is stopped. Let it go on first.")


def _url(url: str) -> str:
    return rules.check_url(url, lenient=settings().webhook_private_addresses)


def _label(label: str) -> str:
    return clean_name(label, field="label") if label.strip() else ""


def _kinds(kinds: Iterable[str]) -> list[str]:
    chosen = sorted(set(kinds))
    unknown = [one for one in chosen if one not in KINDS]
    if unknown or not chosen:
        raise Invalid(
            "webhook_kind_unknown", f"Choose what to be told from the list; unknown: {', '.join(unknown) or 'none chosen'}.", field="kinds"
        )
    return chosen


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
