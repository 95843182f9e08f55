"""A tenant's plan, what it used of it, and paying for it. Pages at the payment provider are only linked to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, request
from werkzeug.wrappers import Response

from posthouse.billing.permissions import BILLING_READ, BILLING_WRITE
from posthouse.billing.plans import queries as plans
from posthouse.billing.subscriptions import queries, services
from posthouse.platform import clock, ids
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Missing
from posthouse.platform.permissions import holds
from posthouse.tenants.quotas import permissions as quota_permissions
from posthouse.tenants.quotas import queries as quotas
from posthouse.tenants.quotas.queries import UsageCard
from posthouse.webui.edge import htmx, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page_or_part, part
from posthouse.webui.pages.meters import meters

blueprint = Blueprint("plan", __name__)
SHOWN_DAYS = 30
MOST_LOOKS = 60
SYNC_EVERY = 10


@blueprint.get("/plan")
@needs(quota_permissions.READ)
def show() -> Response:
    """Show plan and usage. Who comes back from paying sees it happen: the page looks again until the payment is known, for a while."""
    came_back = request.args.get("checkout", "")
    looks = int(seen) if (seen := request.args.get("look", "")).isascii() and seen.isdigit() and len(seen) < 4 else 0
    values = _values()
    known = values["subscription"] is not None and values["subscription"].sends
    if came_back == "done" and not known and looks % SYNC_EVERY == 0:
        _ask_for_sync()
    waits = came_back == "done" and values["pays"] and not known and looks < MOST_LOOKS
    return page_or_part("plan.html", "body", refusal=None, came_back=came_back, looks=looks, waits=waits, known=known, **values)


def _ask_for_sync() -> None:
    scope = visit.scope()
    if holds(scope, BILLING_WRITE):
        with transaction(scope):
            services.ask_for_sync(scope)


def _values() -> dict[str, Any]:
    scope = visit.scope()
    pays = holds(scope, BILLING_READ)
    with transaction(scope):
        return {
            **meters(scope),
            "days": _every_day(quotas.usage(scope, period="day", since=clock.now() - timedelta(days=SHOWN_DAYS)), clock.now()),
            "subscription": queries.find_subscription(scope) if pays else None,
            "offered": plans.list_offered_plans(scope) if pays else [],
            "pays": pays,
        }


def _every_day(used: list[UsageCard], now: datetime) -> list[UsageCard]:
    """Return a card for each of the days that are shown, today last; days without a message have none."""
    by_day = {card.starts_at.astimezone(UTC).date(): card.used for card in used}
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - timedelta(days=back) for back in reversed(range(SHOWN_DAYS))]
    return [UsageCard("day", day, by_day.get(day.date(), 0)) for day in days]


@blueprint.get("/plan/invoices")
@needs(BILLING_READ)
def invoices() -> Response:
    """Show the invoices, asked for after the page is there: the provider may be slow."""
    try:
        found, refusal = queries.list_invoices(visit.scope()), None
    except AppError as problem:
        found, refusal = [], problem
    return part("invoices.html", "invoices", invoices=found, invoice_refusal=refusal)


@blueprint.post("/plan/checkout")
@needs(BILLING_WRITE)
def checkout() -> Response:
    """Go on to the payment page for a plan."""
    try:
        plan_id = ids.decode("pln", request.form.get("plan", ""))
    except Missing:
        plan_id = 0
    return _go_to_page(lambda: services.start_checkout(visit.scope(), plan_id, return_url=_back()))


@blueprint.post("/plan/portal")
@needs(BILLING_WRITE)
def portal() -> Response:
    """Go on to the page for cards, open invoices and the end of the subscription."""
    return _go_to_page(lambda: services.open_portal(visit.scope(), return_url=_back()))


def _back() -> str:
    """Where the payment page leads back to: our own checked host, never one from a form."""
    return visit.address() + "/plan"


def _go_to_page(ask: Any) -> Response:
    try:
        url: str = ask()
    except AppError as refusal:
        if refusal.kind == "missing":
            raise
        return form_again("plan.html", refusal, came_back="", **_values())
    return htmx.go(url)
