"""The objects as Stripe shapes them at this API version; only the members that somebody reads."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

from posthouse.billing.double.books import Books, JsonObject, timestamp

DAY_SECONDS = 86_400
SESSION_SECONDS = DAY_SECONDS


def period_end(start: int, interval: str, count: int) -> int:
    """Return when a billing period that begins at `start` ends; a month's end stays a month's end."""
    at = datetime.fromtimestamp(start, UTC)
    if interval in {"day", "week"}:
        return int((at + timedelta(days=count * (7 if interval == "week" else 1))).timestamp())
    months = at.month - 1 + count * (12 if interval == "year" else 1)
    year, month = at.year + months // 12, months % 12 + 1
    return int(at.replace(year=year, month=month, day=min(at.day, calendar.monthrange(year, month)[1])).timestamp())


def base(books: Books, prefix: str, kind: str, **values: object) -> JsonObject:
    """Return the members that every object has, and these."""
    return {"id": books.new_id(prefix), "object": kind, "created": timestamp(), "livemode": books.livemode, "metadata": {}, **values}


def subscription_item(books: Books, subscription_id: str, price: JsonObject, start: int, end: int) -> JsonObject:
    """Return a subscription's one item; the period stands here, not on the subscription, since API version 2025-03-31."""
    return {
        "id": books.new_id("si"),
        "object": "subscription_item",
        "created": timestamp(),
        "current_period_start": start,
        "current_period_end": end,
        "metadata": {},
        "price": price,
        "quantity": 1,
        "subscription": subscription_id,
    }


def subscription(books: Books, customer_id: str, price: JsonObject, *, trial_days: int) -> JsonObject:
    """Return a new subscription to one price, in its trial or not yet paid."""
    start = timestamp()
    recurring = price["recurring"]
    trial_end = start + trial_days * DAY_SECONDS if trial_days else None
    made = base(
        books,
        "sub",
        "subscription",
        billing_cycle_anchor=trial_end or start,
        cancel_at=None,
        cancel_at_period_end=False,
        canceled_at=None,
        collection_method="charge_automatically",
        currency=price["currency"],
        customer=customer_id,
        ended_at=None,
        latest_invoice=None,
        pause_collection=None,
        start_date=start,
        status="trialing" if trial_days else "incomplete",
        trial_start=start if trial_days else None,
        trial_end=trial_end,
    )
    end = trial_end or period_end(start, recurring["interval"], recurring["interval_count"])
    made["items"] = listed([subscription_item(books, made["id"], price, start, end)], f"/v1/subscription_items?subscription={made['id']}")
    return made


def invoice(books: Books, subscription: JsonObject, *, reason: str, amount: int, page: str) -> JsonObject:
    """Return a finalised, open invoice over one period; the subscription stands under `parent` since API version 2025-03-31."""
    item = subscription["items"]["data"][0]
    books.invoice_numbers += 1
    number = f"{books.account_id[-6:].upper()}-{books.invoice_numbers:04d}"
    made = base(
        books,
        "in",
        "invoice",
        amount_due=amount,
        amount_paid=0,
        amount_remaining=amount,
        attempt_count=0,
        attempted=False,
        auto_advance=True,
        billing_reason=reason,
        collection_method="charge_automatically",
        currency=subscription["currency"],
        customer=subscription["customer"],
        due_date=None,
        invoice_pdf=None,
        next_payment_attempt=None,
        number=number,
        period_start=item["current_period_start"],
        period_end=item["current_period_end"],
        status="open",
        status_transitions={"finalized_at": timestamp(), "marked_uncollectible_at": None, "paid_at": None, "voided_at": None},
        subtotal=amount,
        total=amount,
    )
    made["hosted_invoice_url"] = f"{page}/i/{made['id']}"
    made["parent"] = {
        "type": "subscription_details",
        "quote_details": None,
        "subscription_details": {"subscription": subscription["id"], "metadata": dict(subscription["metadata"])},
    }
    line = {
        "id": books.new_id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": made["currency"],
        "description": None,
        "period": {"start": item["current_period_start"], "end": item["current_period_end"]},
        "pricing": {"type": "price_details", "price_details": {"price": item["price"]["id"], "product": item["price"]["product"]}},
        "quantity": 1,
    }
    made["lines"] = listed([line], f"/v1/invoices/{made['id']}/lines")
    return made


def listed(data: list[JsonObject], url: str, *, has_more: bool = False) -> JsonObject:
    """Return a list object."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}
