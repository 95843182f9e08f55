"""What the interface takes and gives of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from posthouse.webui.api.models import Input, Output


class NewWebhook(Input):
    """A webhook to make."""

    url: str = Field(min_length=1, max_length=2_000, description="Public https address, port 443 or 8443.")
    events: list[Annotated[str, Field(max_length=60)]] = Field(min_length=1, max_length=50, description="Types of events to tell it.")
    label: str = Field("", max_length=120)


class WebhookChange(Input):
    """What of a webhook to change; what is left out stays."""

    url: str | None = Field(None, min_length=1, max_length=2_000)
    events: list[Annotated[str, Field(max_length=60)]] | None = Field(None, min_length=1, max_length=50)
    label: str | None = Field(None, max_length=120)
    enabled: bool | None = None


class Webhook(Output):
    """Where news goes. `disabled_why` is empty, by hand, failing or gone."""

    id: str
    url: str
    label: str
    events: list[str]
    enabled: bool
    disabled_why: str
    failing_since: datetime | None
    last_delivered_at: datetime | None
    created_at: datetime


class WebhookSecret(Webhook):
    """A new webhook with its signing secret, shown this once; null when the request was repeated."""

    secret: str | None


class Webhooks(Output):
    """All webhooks."""

    data: list[Webhook]


class Delivery(Output):
    """One event for one webhook. `event_id` is the `webhook-id` of every try."""

    id: str
    event_id: str
    type: str
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    next_attempt_at: datetime | None
    created_at: datetime
    settled_at: datetime | None


class Deliveries(Output):
    """A page of deliveries."""

    data: list[Delivery]
    next_cursor: str | None


class DeliveryTry(Output):
    """One try. `status` null: there was no answer; `problem` null: it went well."""

    at: datetime
    status: int | None
    problem: str | None
    milliseconds: int


class DeliveryDetail(Delivery):
    """A delivery with what is told and every try."""

    payload: dict[str, Any]
    tries: list[DeliveryTry]
