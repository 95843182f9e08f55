"""Customers, the account itself, webhook endpoints and the list of events."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from posthouse.billing.double.api import Call, Route, created_filter, page_of
from posthouse.billing.double.books import API_VERSION, JsonObject
from posthouse.billing.double.problems import invalid, no_such
from posthouse.billing.double.shapes import base


def create_customer(call: Call) -> JsonObject:
    """POST /v1/customers."""
    made = base(
        call.books,
        "cus",
        "customer",
        balance=0,
        currency=None,
        delinquent=False,
        description=call.params.text("description"),
        email=call.params.text("email"),
        invoice_settings={"default_payment_method": None},
        name=call.params.text("name"),
        preferred_locales=call.params.words("preferred_locales"),
    )
    made["metadata"] = call.params.metadata() or {}
    call.params.refuse_unknown()
    return call.books.add(made, "customer.created")


def update_customer(call: Call, object_id: str) -> JsonObject:
    """POST /v1/customers/{id}."""
    found = call.books.find("customer", object_id)
    values = {name: call.params.text(name, found[name]) for name in ("description", "email", "name")}
    metadata = {**found["metadata"], **(call.params.metadata() or {})}
    call.params.refuse_unknown()
    call.books.change(found, "customer.updated", metadata=metadata, **values)
    return found


def retrieve_customer(call: Call, object_id: str) -> JsonObject:
    """GET /v1/customers/{id}."""
    return call.books.find("customer", object_id)


def list_customers(call: Call) -> JsonObject:
    """GET /v1/customers, of one e-mail address."""
    return page_of(call, call.books.each("customer", email=call.params.text("email")), "/v1/customers")


def retrieve_account(call: Call) -> JsonObject:
    """GET /v1/account: whose key this is."""
    return {
        "id": call.books.account_id,
        "object": "account",
        "business_profile": {"name": "Rehearsal"},
        "charges_enabled": True,
        "country": "DE",
        "default_currency": "eur",
        "email": None,
        "settings": {"dashboard": {"display_name": "Rehearsal", "timezone": "Etc/UTC"}},
        "type": "standard",
    }


def create_endpoint(call: Call) -> JsonObject:
    """POST /v1/webhook_endpoints: the secret is shown here and never again."""
    url, kinds = call.params.needed("url"), call.params.words("enabled_events")
    description, version = call.params.text("description"), call.params.text("api_version")
    metadata = call.params.metadata() or {}
    call.params.refuse_unknown()
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise invalid("Invalid URL: an explicit scheme (such as https) must be provided.", param="url", code="url_invalid")
    if not kinds:
        raise invalid("Missing required param: enabled_events.", param="enabled_events", code="parameter_missing")
    made = base(
        call.books,
        "we",
        "webhook_endpoint",
        api_version=version or API_VERSION,
        description=description,
        enabled_events=kinds,
        status="enabled",
        url=url,
        _secrets=["whsec_" + secrets.token_urlsafe(24)],
    )
    made["metadata"] = metadata
    call.books.add(made)
    return {**_shown(made), "secret": made["_secrets"][0]}


def update_endpoint(call: Call, object_id: str) -> JsonObject:
    """POST /v1/webhook_endpoints/{id}."""
    found = call.books.find("webhook_endpoint", object_id)
    disabled = call.params.flag("disabled", default=found["status"] == "disabled")
    url, kinds = call.params.text("url") or found["url"], call.params.words("enabled_events") or found["enabled_events"]
    call.params.refuse_unknown()
    found.update(url=url, enabled_events=kinds, status="disabled" if disabled else "enabled")
    return _shown(found)


def retrieve_endpoint(call: Call, object_id: str) -> JsonObject:
    """GET /v1/webhook_endpoints/{id}."""
    return _shown(call.books.find("webhook_endpoint", object_id))


def list_endpoints(call: Call) -> JsonObject:
    """GET /v1/webhook_endpoints."""
    return page_of(call, [_shown(one) for one in call.books.each("webhook_endpoint")], "/v1/webhook_endpoints")


def delete_endpoint(call: Call, object_id: str) -> JsonObject:
    """DELETE /v1/webhook_endpoints/{id}."""
    found = call.books.find("webhook_endpoint", object_id)
    del call.books.objects[found["id"]]
    return {"id": object_id, "object": "webhook_endpoint", "deleted": True}


def _shown(endpoint: JsonObject) -> JsonObject:
    return {key: value for key, value in endpoint.items() if key != "_secrets"}


def list_events(call: Call) -> JsonObject:
    """GET /v1/events: newest first, of one type or several, within a time."""
    kind, kinds = call.params.text("type"), call.params.words("types")
    wanted = ({kind} if kind else set()) | set(kinds)
    found = [event for event in reversed(call.books.events) if not wanted or event["type"] in wanted]
    return page_of(call, created_filter(call, found), "/v1/events")


def retrieve_event(call: Call, object_id: str) -> JsonObject:
    """GET /v1/events/{id}."""
    for event in call.books.events:
        if event["id"] == object_id:
            return event
    raise no_such("event", object_id)


ROUTES = [
    Route("GET", "/v1/account", retrieve_account),
    Route("POST", "/v1/customers", create_customer),
    Route("GET", "/v1/customers", list_customers),
    Route("GET", "/v1/customers/{id}", retrieve_customer),
    Route("POST", "/v1/customers/{id}", update_customer),
    Route("POST", "/v1/webhook_endpoints", create_endpoint),
    Route("GET", "/v1/webhook_endpoints", list_endpoints),
    Route("GET", "/v1/webhook_endpoints/{id}", retrieve_endpoint),
    Route("POST", "/v1/webhook_endpoints/{id}", update_endpoint),
    Route("DELETE", "/v1/webhook_endpoints/{id}", delete_endpoint),
    Route("GET", "/v1/events", list_events),
    Route("GET", "/v1/events/{id}", retrieve_event),
]
