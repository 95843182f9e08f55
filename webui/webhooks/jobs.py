"""Passes news on: one try of one delivery at a time, by a few threads of a queue of their own, so that a slow endpoint holds nobody up."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from flask import Flask

from posthouse.platform import audit, clock, ids, stopping
from posthouse.platform.app import bell, running_app, settings
from posthouse.platform.db import session, transaction
from posthouse.platform.events import Event, Handler
from posthouse.platform.jobs import Job, Shift, enqueue
from posthouse.platform.runner import run_one
from posthouse.platform.scope import Scope
from posthouse.webui.webhooks import receiver, rules, services
from posthouse.webui.webhooks.kinds import KINDS, Kind, Many
from posthouse.webui.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint

QUEUE = "webhooks"
THREADS = 8
# While a try is under way nobody else begins one; a worker that dies in it is made up for after this.
CLAIM = timedelta(seconds=60)
GONE = 410


@dataclass(frozen=True, slots=True)
class Call:
    """One try as it goes out."""

    delivery_id: int
    url: str
    headers: dict[str, str]
    body: bytes


def deliver(scope: Scope, *, delivery_id: int) -> None:
    """Try one delivery, if it is its time. Run twice it tries once: the first run moves the time on."""
    with transaction(scope):
        call = _claim(scope, delivery_id)
    if call is None:
        return
    answer = receiver.post(call.url, call.headers, call.body, lenient=settings().webhook_private_addresses)
    with transaction(scope):
        _record(scope, delivery_id, answer)


def _claim(scope: Scope, delivery_id: int) -> Call | None:
    row = session(scope).get(WebhookDelivery, (scope.tenant, delivery_id), with_for_update=True)
    now = clock.now()
    if row is None or row.state != "waiting":
        return None
    if row.next_at > now:
        _later(scope, row, row.next_at)
        return None
    # Who has failed is asked by one at a time, so its row is locked; who has not is only read.
    endpoint = session(scope).get_one(WebhookEndpoint, (scope.tenant, row.endpoint_id))
    if endpoint.failures:
        endpoint = services.locked(scope, row.endpoint_id)
    if endpoint.state != "enabled":
        row.state, row.settled_at = "failed", now
        return None
    if endpoint.rests_until is not None and endpoint.rests_until > now:
        _later(scope, row, endpoint.rests_until + timedelta(seconds=random.uniform(0, 5)))  # noqa: S311 - spreads, guards nothing
        return None
    if endpoint.failures:
        endpoint.rests_until = now + timedelta(seconds=receiver.CONNECT_SECONDS + receiver.WHOLE_SECONDS)
    _later(scope, row, now + CLAIM)
    return _call(scope, endpoint, row, now)


def _later(scope: Scope, row: WebhookDelivery, at: datetime) -> None:
    """Come back to a delivery at a time; asking twice for the same time is asking once."""
    row.next_at = at
    enqueue(scope, services.DELIVER, key=f"{row.id}:{at.timestamp():.3f}", run_at=at, delivery_id=row.id)


def _call(scope: Scope, endpoint: WebhookEndpoint, row: WebhookDelivery, now: datetime) -> Call:
    body, message_id, stamp = row.body.encode(), ids.encode("evt", row.event_key), int(now.timestamp())
    secrets = [services.open_secret(scope, endpoint.id, "secret", endpoint.secret)]
    if endpoint.secret_before is not None and endpoint.secret_before_until is not None and endpoint.secret_before_until > now:
        secrets.append(services.open_secret(scope, endpoint.id, "secret_before", endpoint.secret_before))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Webhooks/1.0",
        "webhook-id": message_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": " ".join(rules.sign(secret, message_id=message_id, timestamp=stamp, body=body) for secret in secrets),
    }
    return Call(row.id, endpoint.url, headers, body)


def _record(scope: Scope, delivery_id: int, answer: receiver.Answer) -> None:
    """Write down what came of a try, for the delivery and for the endpoint."""
    live, now = session(scope), clock.now()
    row = live.get(WebhookDelivery, (scope.tenant, delivery_id), with_for_update=True)
    if row is None:
        return  # deleted with its endpoint meanwhile
    live.add(
        WebhookAttempt(
            delivery_id=delivery_id,
            at=now,
            status=answer.status,
            problem=answer.problem,
            answer=answer.text,
            milliseconds=answer.milliseconds,
        )
    )
    row.attempts += 1
    if not answer.problem:
        row.state, row.settled_at = "delivered", now
        _went_well(scope, row.endpoint_id, now)
        return
    stopped = _went_wrong(scope, row.endpoint_id, answer, now)
    gap = rules.gap(row.attempts, random.random())  # noqa: S311 - spreads, guards nothing
    if stopped or gap is None or now - row.started_at >= rules.LIFE:
        row.state, row.settled_at = "failed", now
        return
    asked = timedelta(seconds=answer.retry_after_seconds or 0)
    _later(scope, row, now + max(gap, min(asked, rules.LONGEST_REST)))


def _went_well(scope: Scope, endpoint_id: int, now: datetime) -> None:
    endpoint = session(scope).get_one(WebhookEndpoint, (scope.tenant, endpoint_id))
    if endpoint.failures or endpoint.last_ok_at is None or endpoint.last_ok_at < now - timedelta(minutes=1):
        endpoint = services.locked(scope, endpoint_id)
        endpoint.failures, endpoint.failing_since, endpoint.rests_until, endpoint.last_ok_at = 0, None, None, now


def _went_wrong(scope: Scope, endpoint_id: int, answer: receiver.Answer, now: datetime) -> bool:
    """Count a failure against the endpoint; say whether it is stopped now: after three days of failing, or when it says that it is gone."""
    endpoint = services.locked(scope, endpoint_id)
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or now
    pause = rules.rest(endpoint.failures)
    endpoint.rests_until = now + pause if pause else None
    if endpoint.state == "enabled" and (answer.status == GONE or now - endpoint.failing_since >= rules.LIFE):
        endpoint.state, endpoint.state_why = "disabled", "gone" if answer.status == GONE else "failing"
        audit.record(scope, verb="webhook.disabled", subject="webhook", subject_id=endpoint_id, why=endpoint.state_why)
    return endpoint.state != "enabled"


def _pass_on(kind: Kind, scope: Scope, event: Event) -> None:
    """Write down a piece of news for the endpoints; the job's own id makes it once."""
    with transaction(scope):
        if not services.wanted(kind.name, scope):
            return
        told = kind.tell(scope, event)
        # What speaks of one thing is known by the job that tells it; what speaks of many, by each thing's own id.
        services.tell(scope, kind=kind.name, facts=told if isinstance(told, Many) else Many({scope.actor.id or 0: told}))


def work(until: float) -> None:
    """Deliver with a few threads until the monotonic instant `until`."""
    app = running_app()
    threads = [threading.Thread(target=_work, args=(app, until), name=f"webhooks-{number}") for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _work(app: Flask, until: float) -> None:
    with app.app_context():
        while clock.monotonic() < until and not stopping.asked.is_set():
            if not run_one(QUEUE):
                bell().wait(QUEUE, min(1.0, max(until - clock.monotonic(), 0.01)))


def _handler(kind: Kind) -> Handler:
    run: Callable[[Scope, Any], None] = partial(_pass_on, kind)
    return Handler(kind.event, "webhooks", run, wanted=partial(services.wanted, kind.name))


HANDLERS = [_handler(kind) for kind in KINDS.values()]
JOBS = [Job(services.DELIVER, deliver, queue=QUEUE, timeout_seconds=60)]
SHIFTS = [Shift(QUEUE, work)]
