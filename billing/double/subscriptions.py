"""Subscriptions and their invoices."""

from __future__ import annotations

from posthouse.billing.double import lifecycle
from posthouse.billing.double.api import Call, Route, page_of
from posthouse.billing.double.books import JsonObject, timestamp
from posthouse.billing.double.problems import card_declined, invalid


def create_subscription(call: Call) -> JsonObject:
    """POST /v1/subscriptions: to one price."""
    customer = call.books.find("customer", call.params.needed("customer"), param="customer")
    items, trial_days, metadata = call.params.each("items"), call.params.whole("trial_period_days", 0) or 0, call.params.metadata()
    if len(items) != 1:
        raise invalid("This double takes a subscription to exactly one price.", param="items")
    price = call.books.find("price", items[0].needed("price"), param="items[0][price]")
    items[0].whole("quantity")
    items[0].refuse_unknown()
    call.params.refuse_unknown()
    return lifecycle.subscribe(call.books, customer["id"], price, trial_days=trial_days, metadata=metadata or {}, page=call.page)


def retrieve_subscription(call: Call, object_id: str) -> JsonObject:
    """GET /v1/subscriptions/{id}."""
    return call.books.find("subscription", object_id)


def list_subscriptions(call: Call) -> JsonObject:
    """GET /v1/subscriptions; without a status, those that haven't ended, as at Stripe."""
    customer, status, price = call.params.text("customer"), call.params.text("status"), call.params.text("price")
    found = list(call.books.each("subscription", customer=customer, status=None if status in {"all", "ended"} else status))
    if status is None:
        found = [one for one in found if one["status"] not in {"canceled", "incomplete_expired"}]
    if status == "ended":
        found = [one for one in found if one["status"] in {"canceled", "incomplete_expired"}]
    if price is not None:
        found = [one for one in found if one["items"]["data"][0]["price"]["id"] == price]
    return page_of(call, found, "/v1/subscriptions")


def update_subscription(call: Call, object_id: str) -> JsonObject:
    """POST /v1/subscriptions/{id}: its price, its end with the period, its metadata."""
    found = call.books.find("subscription", object_id)
    ends = call.params.flag("cancel_at_period_end", default=found["cancel_at_period_end"])
    items, metadata = call.params.each("items"), {**found["metadata"], **(call.params.metadata() or {})}
    call.params.text("proration_behavior")
    prices = [item.text("price") for item in items]
    for item in items:
        item.text("id")
        item.refuse_unknown()
    call.params.refuse_unknown()
    if found["status"] in {"canceled", "incomplete_expired"}:
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.")
    for price in prices:
        lifecycle.switch(call.books, found, call.books.find("price", price, param="items[0][price]"))
    end = found["items"]["data"][0]["current_period_end"] if ends else None
    call.books.change(found, lifecycle.UPDATED, cancel_at_period_end=ends, cancel_at=end, metadata=metadata)
    return found


def cancel_subscription(call: Call, object_id: str) -> JsonObject:
    """DELETE /v1/subscriptions/{id}."""
    return lifecycle.cancel(call.books, call.books.find("subscription", object_id))


def pause_subscription(call: Call, object_id: str) -> JsonObject:
    """POST /v1/subscriptions/{id}/pause."""
    found = call.books.find("subscription", object_id)
    call.books.change(found, "customer.subscription.paused", status="paused")
    return found


def resume_subscription(call: Call, object_id: str) -> JsonObject:
    """POST /v1/subscriptions/{id}/resume."""
    found = call.books.find("subscription", object_id)
    if found["status"] != "paused":
        raise invalid("You can only resume a subscription that is paused.")
    call.books.change(found, "customer.subscription.resumed", status="active")
    return found


def retrieve_invoice(call: Call, object_id: str) -> JsonObject:
    """GET /v1/invoices/{id}."""
    return call.books.find("invoice", object_id)


def list_invoices(call: Call) -> JsonObject:
    """GET /v1/invoices, of one customer, subscription or status."""
    customer, status, subscription = call.params.text("customer"), call.params.text("status"), call.params.text("subscription")
    found = list(call.books.each("invoice", customer=customer, status=status))
    if subscription is not None:
        found = [one for one in found if one["parent"]["subscription_details"]["subscription"] == subscription]
    return page_of(call, found, "/v1/invoices")


def pay_invoice(call: Call, object_id: str) -> JsonObject:
    """POST /v1/invoices/{id}/pay: 402 when the customer's bank declines."""
    found = _open_invoice(call, object_id)
    if not lifecycle.pay(call.books, found):
        raise card_declined()
    return found


def void_invoice(call: Call, object_id: str) -> JsonObject:
    """POST /v1/invoices/{id}/void."""
    found = _open_invoice(call, object_id)
    found["status_transitions"]["voided_at"] = timestamp()
    call.books.change(found, "invoice.voided", status="void")
    return found


def _open_invoice(call: Call, object_id: str) -> JsonObject:
    found = call.books.find("invoice", object_id)
    if found["status"] != "open":
        raise invalid(f"Invoice is already {found['status']}.", code="invoice_not_open")
    return found


ROUTES = [
    Route("POST", "/v1/subscriptions", create_subscription),
    Route("GET", "/v1/subscriptions", list_subscriptions),
    Route("GET", "/v1/subscriptions/{id}", retrieve_subscription),
    Route("POST", "/v1/subscriptions/{id}", update_subscription),
    Route("DELETE", "/v1/subscriptions/{id}", cancel_subscription),
    Route("POST", "/v1/subscriptions/{id}/pause", pause_subscription),
    Route("POST", "/v1/subscriptions/{id}/resume", resume_subscription),
    Route("GET", "/v1/invoices", list_invoices),
    Route("GET", "/v1/invoices/{id}", retrieve_invoice),
    Route("POST", "/v1/invoices/{id}/pay", pay_invoice),
    Route("POST", "/v1/invoices/{id}/void", void_invoice),
]
