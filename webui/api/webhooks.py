"""Webhooks for programs: where news goes, and what was delivered."""

from __future__ import annotations

import json as text
from typing import Any

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.webui.api import cursors
from posthouse.webui.api.edge import blueprint
from posthouse.webui.api.models import Paging
from posthouse.webui.api.once import once
from posthouse.webui.api.spec import answers, api
from posthouse.webui.api.webhook_models import (
    Deliveries,
    Delivery,
    DeliveryDetail,
    DeliveryTry,
    NewWebhook,
    Webhook,
    WebhookChange,
    Webhooks,
    WebhookSecret,
)
from posthouse.webui.edge import visit
from posthouse.webui.edge.access import needs
from posthouse.webui.webhooks import queries, services
from posthouse.webui.webhooks.permissions import MANAGE_WEBHOOKS, READ_WEBHOOKS


def _webhook(card: queries.EndpointCard) -> Webhook:
    return Webhook(
        id=ids.encode("whk", card.id),
        url=card.url,
        label=card.label,
        events=list(card.kinds),
        enabled=card.state == "enabled",
        disabled_why=card.state_why,
        failing_since=card.failing_since,
        last_delivered_at=card.last_ok_at,
        created_at=card.created_at,
    )


def _delivery(card: queries.DeliveryCard) -> Delivery:
    return Delivery(
        id=ids.encode("whd", card.id),
        event_id=ids.encode("evt", card.event_key),
        type=card.kind,
        state=card.state,  # type: ignore[arg-type]  # the table's CHECK has the same words
        attempts=card.attempts,
        next_attempt_at=card.next_at if card.state == "waiting" else None,
        created_at=card.created_at,
        settled_at=card.settled_at,
    )


@blueprint.get("/webhooks")
@needs(READ_WEBHOOKS)
@api.validate(resp=answers(Webhooks), tags=["Webhooks"], operation_id="listWebhooks")
def list_webhooks() -> Any:
    """List the webhooks."""
    scope = visit.scope()
    with transaction(scope):
        return Webhooks(data=[_webhook(card) for card in queries.list_endpoints(scope)])


@blueprint.post("/webhooks")
@needs(MANAGE_WEBHOOKS)
@api.validate(resp=answers(WebhookSecret, 201), tags=["Webhooks"], operation_id="createWebhook")
def create_webhook(json: NewWebhook) -> Any:
    """Make a webhook. Its signing secret is in this one answer only; a repeated request brings null in its place."""
    scope, made = visit.scope(), list[str]()

    def act() -> tuple[WebhookSecret, int]:
        endpoint_id, secret = services.create_endpoint(scope, url=json.url, kinds=json.events, label=json.label)
        made.append(secret)
        return WebhookSecret(**_webhook(queries.get_endpoint(scope, endpoint_id)).model_dump(), secret=None), 201

    body, status, headers = once(scope, act)
    if made and isinstance(body, WebhookSecret):
        body.secret = made[0]  # after the answer was kept for repetitions, which keep no secret
    return body, status, headers


@blueprint.get("/webhooks/<pid('whk'):webhook_id>")
@needs(READ_WEBHOOKS)
@api.validate(resp=answers(Webhook), tags=["Webhooks"], operation_id="getWebhook")
def get_webhook(webhook_id: int) -> Any:
    """Return one webhook."""
    scope = visit.scope()
    with transaction(scope):
        return _webhook(queries.get_endpoint(scope, webhook_id))


@blueprint.patch("/webhooks/<pid('whk'):webhook_id>")
@needs(MANAGE_WEBHOOKS)
@api.validate(resp=answers(Webhook), tags=["Webhooks"], operation_id="changeWebhook")
def change_webhook(webhook_id: int, json: WebhookChange) -> Any:
    """Change a webhook, stop it or let it go on; what is left out stays."""
    scope = visit.scope()
    with transaction(scope):
        if json.url is not None or json.events is not None or json.label is not None:
            services.edit_endpoint(scope, webhook_id, url=json.url, kinds=json.events, label=json.label)
        if json.enabled is not None:
            services.set_enabled(scope, webhook_id, enabled=json.enabled)
        return _webhook(queries.get_endpoint(scope, webhook_id))


@blueprint.delete("/webhooks/<pid('whk'):webhook_id>")
@needs(MANAGE_WEBHOOKS)
@api.validate(resp=answers(None, 204), tags=["Webhooks"], operation_id="deleteWebhook")
def delete_webhook(webhook_id: int) -> Any:
    """Delete a webhook with its log."""
    scope = visit.scope()
    with transaction(scope):
        services.delete_endpoint(scope, webhook_id)
    return "", 204


@blueprint.post("/webhooks/<pid('whk'):webhook_id>/test")
@needs(MANAGE_WEBHOOKS)
@api.validate(resp=answers(Delivery, 202), tags=["Webhooks"], operation_id="testWebhook")
def test_webhook(webhook_id: int) -> Any:
    """Send an event of the type `webhook.test`."""
    scope = visit.scope()
    return once(scope, lambda: (_delivery(queries.get_delivery(scope, webhook_id, services.send_test(scope, webhook_id))), 202))


@blueprint.get("/webhooks/<pid('whk'):webhook_id>/deliveries")
@needs(READ_WEBHOOKS)
@api.validate(resp=answers(Deliveries), tags=["Webhooks"], operation_id="listWebhookDeliveries")
def list_deliveries(webhook_id: int, query: Paging) -> Any:
    """List what a webhook was told or is to be, newest first; kept for 30 days."""
    scope, name = visit.scope(), f"deliveries.{webhook_id}"
    before = cursors.read(name, query.cursor)
    with transaction(scope):
        found = queries.list_deliveries(scope, webhook_id, before=int(before) if before else None, limit=query.limit)
    cursor = cursors.make(name, found[-1].id) if len(found) == query.limit else None
    return Deliveries(data=[_delivery(card) for card in found], next_cursor=cursor)


@blueprint.get("/webhooks/<pid('whk'):webhook_id>/deliveries/<pid('whd'):delivery_id>")
@needs(READ_WEBHOOKS)
@api.validate(resp=answers(DeliveryDetail), tags=["Webhooks"], operation_id="getWebhookDelivery")
def get_delivery(webhook_id: int, delivery_id: int) -> Any:
    """Return one delivery with what is told and every try."""
    scope = visit.scope()
    with transaction(scope):
        card = queries.get_delivery(scope, webhook_id, delivery_id)
        tries = queries.list_attempts(scope, delivery_id)
    return DeliveryDetail(
        **_delivery(card).model_dump(),
        payload=text.loads(card.body),
        tries=[DeliveryTry(at=one.at, status=one.status, problem=one.problem or None, milliseconds=one.milliseconds) for one in tries],
    )


@blueprint.post("/webhooks/<pid('whk'):webhook_id>/deliveries/<pid('whd'):delivery_id>/replay")
@needs(MANAGE_WEBHOOKS)
@api.validate(resp=answers(Delivery, 202), tags=["Webhooks"], operation_id="replayWebhookDelivery")
def replay_delivery(webhook_id: int, delivery_id: int) -> Any:
    """Send a delivery again, as it was and under its own id."""
    scope = visit.scope()

    def act() -> tuple[Delivery, int]:
        services.replay(scope, webhook_id, delivery_id)
        return _delivery(queries.get_delivery(scope, webhook_id, delivery_id)), 202

    return once(scope, act)
