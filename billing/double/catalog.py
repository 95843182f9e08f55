"""Products and prices."""

from __future__ import annotations

from posthouse.billing.double.api import Call, Route, page_of
from posthouse.billing.double.books import JsonObject, timestamp
from posthouse.billing.double.problems import invalid
from posthouse.billing.double.shapes import base


def create_product(call: Call) -> JsonObject:
    """POST /v1/products."""
    made = base(
        call.books,
        "prod",
        "product",
        active=call.params.flag("active", default=True),
        default_price=None,
        description=call.params.text("description"),
        images=[],
        name=call.params.needed("name"),
        updated=timestamp(),
    )
    made["metadata"] = call.params.metadata() or {}
    call.params.refuse_unknown()
    return call.books.add(made, "product.created")


def update_product(call: Call, object_id: str) -> JsonObject:
    """POST /v1/products/{id}."""
    found = call.books.find("product", object_id)
    name = call.params.text("name") or found["name"]
    active = call.params.flag("active", default=found["active"])
    metadata = {**found["metadata"], **(call.params.metadata() or {})}
    call.params.refuse_unknown()
    call.books.change(found, "product.updated", name=name, active=active, metadata=metadata)
    return found


def create_price(call: Call) -> JsonObject:
    """POST /v1/prices: a fixed, recurring amount."""
    params = call.params
    amount, currency, product_id = params.whole("unit_amount"), params.needed("currency"), params.text("product")
    recurring, product_data = params.inner("recurring"), params.inner("product_data")
    interval, count = recurring.choice("interval", ("day", "week", "month", "year")), recurring.whole("interval_count", 1) or 1
    nickname, lookup_key, metadata = params.text("nickname"), params.text("lookup_key"), params.metadata() or {}
    product_name = product_data.text("name")
    for part in (recurring, product_data, params):
        part.refuse_unknown()
    if amount is None or amount < 0:
        raise invalid("Missing required param: unit_amount.", param="unit_amount", code="parameter_missing")
    if len(currency) != 3 or not currency.isalpha():
        raise invalid(f"Invalid currency: {currency[:10]}", param="currency")
    if interval is None or not 1 <= count <= 36:
        raise invalid("This double sells recurring prices only: give recurring[interval].", param="recurring[interval]")
    if product_id is None and product_name is None:
        raise invalid("You must specify either `product` or `product_data` when creating a price.", param="product")
    if product_id is not None:
        call.books.find("product", product_id, param="product")
    else:
        product_id = call.books.add(base(call.books, "prod", "product", name=product_name, active=True), "product.created")["id"]
    made = base(
        call.books,
        "price",
        "price",
        active=True,
        billing_scheme="per_unit",
        currency=currency.lower(),
        lookup_key=lookup_key,
        nickname=nickname,
        product=product_id,
        recurring={"interval": interval, "interval_count": count, "meter": None, "trial_period_days": None, "usage_type": "licensed"},
        tax_behavior="unspecified",
        type="recurring",
        unit_amount=amount,
        unit_amount_decimal=str(amount),
    )
    made["metadata"] = metadata
    return call.books.add(made, "price.created")


def update_price(call: Call, object_id: str) -> JsonObject:
    """POST /v1/prices/{id}: an amount never changes; a price is put away instead."""
    found = call.books.find("price", object_id)
    active, nickname = call.params.flag("active", default=found["active"]), call.params.text("nickname") or found["nickname"]
    metadata = {**found["metadata"], **(call.params.metadata() or {})}
    call.params.refuse_unknown()
    call.books.change(found, "price.updated", active=active, nickname=nickname, metadata=metadata)
    return found


def retrieve_product(call: Call, object_id: str) -> JsonObject:
    """GET /v1/products/{id}."""
    return call.books.find("product", object_id)


def retrieve_price(call: Call, object_id: str) -> JsonObject:
    """GET /v1/prices/{id}."""
    return call.books.find("price", object_id)


def list_products(call: Call) -> JsonObject:
    """GET /v1/products."""
    return page_of(call, call.books.each("product"), "/v1/products")


def list_prices(call: Call) -> JsonObject:
    """GET /v1/prices, of one product or with one currency."""
    filters = {name: call.params.text(name) for name in ("product", "currency")}
    return page_of(call, call.books.each("price", **filters), "/v1/prices")


ROUTES = [
    Route("POST", "/v1/products", create_product),
    Route("GET", "/v1/products", list_products),
    Route("GET", "/v1/products/{id}", retrieve_product),
    Route("POST", "/v1/products/{id}", update_product),
    Route("POST", "/v1/prices", create_price),
    Route("GET", "/v1/prices", list_prices),
    Route("GET", "/v1/prices/{id}", retrieve_price),
    Route("POST", "/v1/prices/{id}", update_price),
]
