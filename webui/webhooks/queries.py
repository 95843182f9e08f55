"""Reads where news goes and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.errors import missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.webui.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from posthouse.webui.webhooks.permissions import READ_WEBHOOKS
from posthouse.webui.webhooks.receiver import SENTENCES


@dataclass(frozen=True, slots=True)
class EndpointCard:
    """Where news goes. `state_why` says why it is disabled; `failing_since` None: the last try went well."""

    id: int
    url: str
    label: str
    kinds: tuple[str, ...]
    state: str
    state_why: str
    failures: int
    failing_since: datetime | None
    rests_until: datetime | None
    last_ok_at: datetime | None
    created_at: datetime

    @property
    def shown_state(self) -> str:
        """Name the state as people see it: disabled, failing or active."""
        if self.state == "disabled":
            return "stopped"
        return "failing" if self.failing_since is not None else "active"


@dataclass(frozen=True, slots=True)
class DeliveryCard:
    """One piece of news for one endpoint. `next_at` is when it is tried next, while it waits."""

    id: int
    endpoint_id: int
    event_key: int
    kind: str
    body: str
    state: str
    attempts: int
    next_at: datetime
    created_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptCard:
    """One try and its answer. `problem` is empty for success."""

    at: datetime
    status: int | None
    problem: str
    answer: str
    milliseconds: int

    @property
    def sentence(self) -> str:
        """Say what went wrong; empty for success."""
        return SENTENCES.get(self.problem, self.problem)


def list_endpoints(scope: Scope) -> list[EndpointCard]:
    """List where news goes, oldest first."""
    require(scope, READ_WEBHOOKS)
    return [endpoint_card(row) for row in session(scope).scalars(sa.select(WebhookEndpoint).order_by(WebhookEndpoint.id))]


def get_endpoint(scope: Scope, endpoint_id: int) -> EndpointCard:
    """Return one endpoint. Raises: Missing."""
    require(scope, READ_WEBHOOKS)
    row = session(scope).get(WebhookEndpoint, (scope.tenant, endpoint_id))
    if row is None:
        raise missing("webhook")
    return endpoint_card(row)


def list_deliveries(scope: Scope, endpoint_id: int, *, before: int | None = None, limit: int = 50) -> list[DeliveryCard]:
    """List what an endpoint was told or is to be, newest first; `before` is the last id of the page before. Raises: Missing."""
    get_endpoint(scope, endpoint_id)
    query = sa.select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.id < (before or 2**63 - 1))
    rows = session(scope).scalars(query.order_by(WebhookDelivery.id.desc()).limit(max(1, min(limit, 200))))
    return [delivery_card(row) for row in rows]


def get_delivery(scope: Scope, endpoint_id: int, delivery_id: int) -> DeliveryCard:
    """Return one delivery of an endpoint. Raises: Missing."""
    require(scope, READ_WEBHOOKS)
    row = session(scope).get(WebhookDelivery, (scope.tenant, delivery_id))
    if row is None or row.endpoint_id != endpoint_id:
        raise missing("delivery")
    return delivery_card(row)


def list_attempts(scope: Scope, delivery_id: int) -> list[AttemptCard]:
    """List the tries of a delivery, oldest first."""
    require(scope, READ_WEBHOOKS)
    query = sa.select(WebhookAttempt).where(WebhookAttempt.delivery_id == delivery_id).order_by(WebhookAttempt.id)
    return [AttemptCard(row.at, row.status, row.problem, row.answer, row.milliseconds) for row in session(scope).scalars(query)]


def troubled(scope: Scope) -> list[EndpointCard]:
    """List the endpoints that were stopped for failing, or have failed for an hour, for notices."""
    hour_ago = clock.now().timestamp() - 3600
    return [
        one
        for one in list_endpoints(scope)
        if one.state_why == "failing" or (one.failing_since is not None and one.failing_since.timestamp() < hour_ago)
    ]


def endpoint_card(row: WebhookEndpoint) -> EndpointCard:
    """Return a row as a card, without its secret."""
    return EndpointCard(
        row.id,
        row.url,
        row.label,
        tuple(row.kinds),
        row.state,
        row.state_why,
        row.failures,
        row.failing_since,
        row.rests_until,
        row.last_ok_at,
        row.created_at,
    )


def delivery_card(row: WebhookDelivery) -> DeliveryCard:
    """Return a row as a card."""
    return DeliveryCard(
        row.id,
        row.endpoint_id,
        row.event_key,
        row.kind,
        row.body,
        row.state,
        row.attempts,
        row.next_at,
        row.created_at,
        row.settled_at,
    )
