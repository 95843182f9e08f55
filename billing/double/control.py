"""What one can do to the double and not to Stripe: let payments fail, time pass, people pay, and deliveries misbehave.

`POST /_double/customers/{id}/payments` with `outcome=succeeds|declines`, `/checkout/sessions/{id}/complete`,
`/subscriptions/{id}/renew`, `/subscriptions/{id}/give_up` with `status=unpaid|canceled`, `/webhook_endpoints/{id}/roll`,
`/deliveries` with the habits, `/deliveries/release` with `shuffle`; `GET /_double/deliveries`. The key of the account opens them.
"""

from __future__ import annotations

import copy
import re
import secrets
from dataclasses import asdict, fields

from posthouse.billing.double import lifecycle, sessions
from posthouse.billing.double.books import DECLINES, PAYS, Books, JsonObject
from posthouse.billing.double.courier import Courier, Habits
from posthouse.billing.double.params import Params
from posthouse.billing.double.problems import Problem, invalid

MAX_SPREAD_SECONDS = 60
_ADDRESS = re.compile(r"/_double/(?P<noun>[a-z_]+(?:/sessions)?)(?:/(?P<id>[A-Za-z]+_[A-Za-z0-9_]+))?(?:/(?P<verb>[a-z_]+))?")


def answer(courier: Courier, books: Books, method: str, path: str, params: Params, *, page: str) -> JsonObject:
    """Do what a control address names. Raises: Problem."""
    found = _ADDRESS.fullmatch(path)
    match (method, found and found["noun"], found and found["id"], found and found["verb"]):
        case ("GET", "deliveries", None, None):
            done = deliveries(courier)
        case ("POST", "deliveries", None, None):
            done = behave(courier, params)
        case ("POST", "deliveries", None, "release"):
            done = {"released": courier.release(shuffle=params.flag("shuffle"))}
        case ("POST", "customers", str(object_id), "payments"):
            done = set_payments(books, object_id, params.choice("outcome", (PAYS, DECLINES)) or PAYS)
        case ("POST", "checkout/sessions", str(object_id), "complete"):
            done = sessions.shown(sessions.complete(books, books.find("checkout.session", object_id), page=page))
        case ("POST", "subscriptions", str(object_id), "renew"):
            done = lifecycle.renew(books, books.find("subscription", object_id), page=page)
        case ("POST", "subscriptions", str(object_id), "give_up"):
            status = params.choice("status", ("unpaid", "canceled"), "unpaid") or "unpaid"
            done = lifecycle.give_up(books, books.find("subscription", object_id), status)
        case ("POST", "webhook_endpoints", str(object_id), "roll"):
            done = roll(books, object_id)
        case _:
            raise Problem(404, "invalid_request_error", f"Unrecognized control address ({method}: {path[:200]}).")
    return copy.deepcopy(done)


def set_payments(books: Books, customer_id: str, outcome: str) -> JsonObject:
    """Say how a customer's payments turn out from now on."""
    customer = books.find("customer", customer_id)
    books.payments[customer_id] = outcome
    return customer


def roll(books: Books, endpoint_id: str) -> JsonObject:
    """Give an endpoint a second secret; events carry both signatures until it's rolled again."""
    found = books.find("webhook_endpoint", endpoint_id)
    found["_secrets"] = [found["_secrets"][-1], "whsec_" + secrets.token_urlsafe(24)]
    return {"id": endpoint_id, "object": "webhook_endpoint", "secret": found["_secrets"][-1]}


def deliveries(courier: Courier) -> JsonObject:
    """Return what is still to be delivered and every try so far."""
    return {"waiting": courier.waiting(), "habits": asdict(courier.habits), "attempts": [asdict(one) for one in courier.attempts]}


def behave(courier: Courier, params: Params) -> JsonObject:
    """Set the habits; what isn't given falls back to good behaviour."""
    spread_ms = params.whole("spread_ms", 0) or 0
    if not 0 <= spread_ms <= MAX_SPREAD_SECONDS * 1000:
        raise invalid("spread_ms may be up to 60000.", param="spread_ms")
    counts = {name: max(params.whole(name, 0) or 0, 0) for name in ("repeats", "lose", "seed")}
    habits = Habits(hold=params.flag("hold"), spread_seconds=spread_ms / 1000, **counts)
    params.refuse_unknown()
    courier.behave(habits)
    return {field.name: getattr(habits, field.name) for field in fields(habits)}
