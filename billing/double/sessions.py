"""Checkout sessions and billing portal sessions."""

from __future__ import annotations

from posthouse.billing.double import lifecycle
from posthouse.billing.double.api import Call, Route, page_of
from posthouse.billing.double.books import Books, JsonObject, timestamp
from posthouse.billing.double.problems import card_declined, invalid
from posthouse.billing.double.shapes import SESSION_SECONDS, base


def create_session(call: Call) -> JsonObject:
    """POST /v1/checkout/sessions: to subscribe to one price."""
    params = call.params
    if params.choice("mode", ("payment", "setup", "subscription")) != "subscription":
        raise invalid("This double takes mode=subscription only.", param="mode")
    items, extra = params.each("line_items"), params.inner("subscription_data")
    if len(items) != 1:
        raise invalid("This double takes exactly one line item.", param="line_items")
    price = call.books.find("price", items[0].needed("price"), param="line_items[0][price]")
    items[0].whole("quantity")
    customer_id = params.text("customer")
    if customer_id is not None:
        call.books.find("customer", customer_id, param="customer")
    made = base(
        call.books,
        "cs_live" if call.books.livemode else "cs_test",
        "checkout.session",
        amount_subtotal=price["unit_amount"],
        amount_total=price["unit_amount"],
        cancel_url=params.text("cancel_url"),
        client_reference_id=params.text("client_reference_id"),
        currency=price["currency"],
        customer=customer_id,
        customer_email=params.text("customer_email"),
        expires_at=timestamp() + SESSION_SECONDS,
        invoice=None,
        locale=params.text("locale"),
        mode="subscription",
        payment_status="unpaid",
        status="open",
        subscription=None,
        success_url=params.needed("success_url"),
        ui_mode="hosted_page",
        _price=price["id"],
        _trial_days=extra.whole("trial_period_days", 0) or 0,
        _subscription_metadata=extra.metadata() or {},
    )
    made["metadata"] = params.metadata() or {}
    made["url"] = f"{call.page}/c/{made['id']}"
    for part in (items[0], extra, params):
        part.refuse_unknown()
    return shown(call.books.add(made))


def complete(books: Books, session: JsonObject, *, page: str) -> JsonObject:
    """Let the person on the page pay. Raises: Problem when the session isn't open or the bank declines; it stays open then."""
    _must_be_open(books, session)
    customer = _customer(books, session)
    price = books.find("price", session["_price"])
    if price["unit_amount"] and not session["_trial_days"] and not books.pays(customer["id"]):
        raise card_declined()
    made = lifecycle.subscribe(
        books, customer["id"], price, trial_days=session["_trial_days"], metadata=session["_subscription_metadata"], page=page
    )
    session.update(
        customer=customer["id"], invoice=made["latest_invoice"], payment_status="paid", status="complete", subscription=made["id"], url=None
    )
    books.emit("checkout.session.completed", shown(session))
    return session


def _customer(books: Books, session: JsonObject) -> JsonObject:
    if session["customer"] is not None:
        return books.find("customer", session["customer"])
    made = base(books, "cus", "customer", email=session["customer_email"], name=None, description=None, balance=0, delinquent=False)
    return books.add(made, "customer.created")


def expire(books: Books, session: JsonObject) -> JsonObject:
    """Close an open session without payment."""
    _must_be_open(books, session)
    session.update(status="expired", url=None)
    books.emit("checkout.session.expired", shown(session))
    return session


def _must_be_open(books: Books, session: JsonObject) -> None:
    if session["status"] == "open" and timestamp() >= session["expires_at"]:
        session.update(status="expired", url=None)
        books.emit("checkout.session.expired", shown(session))
    if session["status"] != "open":
        raise invalid(f"This Checkout Session is {session['status']}; only an open one can be used.")


def shown(session: JsonObject) -> JsonObject:
    """Return a session without what only the double needs to know."""
    return {key: value for key, value in session.items() if not key.startswith("_")}


def retrieve_session(call: Call, object_id: str) -> JsonObject:
    """GET /v1/checkout/sessions/{id}."""
    return shown(call.books.find("checkout.session", object_id))


def list_sessions(call: Call) -> JsonObject:
    """GET /v1/checkout/sessions, of one customer or subscription."""
    filters = {name: call.params.text(name) for name in ("customer", "subscription")}
    return page_of(call, [shown(one) for one in call.books.each("checkout.session", **filters)], "/v1/checkout/sessions")


def expire_session(call: Call, object_id: str) -> JsonObject:
    """POST /v1/checkout/sessions/{id}/expire."""
    return shown(expire(call.books, call.books.find("checkout.session", object_id)))


def create_portal(call: Call) -> JsonObject:
    """POST /v1/billing_portal/sessions."""
    customer = call.books.find("customer", call.params.needed("customer"), param="customer")
    made = base(
        call.books,
        "bps",
        "billing_portal.session",
        configuration="bpc_double",
        customer=customer["id"],
        flow=None,
        locale=call.params.text("locale"),
        return_url=call.params.text("return_url"),
    )
    del made["metadata"]
    made["url"] = f"{call.page}/p/{made['id']}"
    call.params.refuse_unknown()
    return call.books.add(made)


ROUTES = [
    Route("POST", "/v1/checkout/sessions", create_session),
    Route("GET", "/v1/checkout/sessions", list_sessions),
    Route("GET", "/v1/checkout/sessions/{id}", retrieve_session),
    Route("POST", "/v1/checkout/sessions/{id}/expire", expire_session),
    Route("POST", "/v1/billing_portal/sessions", create_portal),
]
