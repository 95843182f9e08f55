"""What happens to a subscription in time: it is paid or not, renewed, given up, cancelled, resumed."""

from __future__ import annotations

from posthouse.billing.double.books import Books, JsonObject, timestamp
from posthouse.billing.double.problems import invalid
from posthouse.billing.double.shapes import DAY_SECONDS, invoice, period_end, subscription

UPDATED = "customer.subscription.updated"


def subscribe(books: Books, customer_id: str, price: JsonObject, *, trial_days: int, metadata: dict[str, str], page: str) -> JsonObject:
    """Take out a subscription and bill its first period; in a trial the first invoice is over nothing."""
    made = subscription(books, customer_id, price, trial_days=trial_days)
    made["metadata"] = metadata
    books.add(made, "customer.subscription.created")
    bill(books, made, reason="subscription_create", amount=0 if trial_days else price["unit_amount"], page=page)
    return made


def bill(books: Books, found: JsonObject, *, reason: str, amount: int, page: str) -> JsonObject:
    """Make an invoice over the present period and try to have it paid."""
    made = books.add(invoice(books, found, reason=reason, amount=amount, page=page), "invoice.created")
    found["latest_invoice"] = made["id"]
    books.emit("invoice.finalized", made)
    pay(books, made)
    return made


def pay(books: Books, made: JsonObject) -> bool:
    """Try an open invoice once; say whether it went through. Its subscription follows."""
    paid = made["amount_due"] == 0 or books.pays(made["customer"])
    made["attempted"] = True
    made["attempt_count"] += 1
    if paid:
        made.update(status="paid", amount_paid=made["amount_due"], amount_remaining=0, next_payment_attempt=None)
        made["status_transitions"]["paid_at"] = timestamp()
        books.emit("invoice.paid", made)
        books.emit("invoice.payment_succeeded", made)
    else:
        made["next_payment_attempt"] = timestamp() + 3 * DAY_SECONDS
        books.emit("invoice.payment_failed", made)
    _follow(books, made)
    return paid


def subscription_of(books: Books, made: JsonObject) -> JsonObject:
    """Return the subscription that an invoice bills."""
    return books.find("subscription", made["parent"]["subscription_details"]["subscription"])


def open_invoices(books: Books, subscription_id: str) -> list[JsonObject]:
    """Return a subscription's open invoices, newest first."""
    return [one for one in books.each("invoice", status="open") if one["parent"]["subscription_details"]["subscription"] == subscription_id]


def _follow(books: Books, made: JsonObject) -> None:
    found = subscription_of(books, made)
    status = found["status"]
    if made["status"] == "paid":
        if status in {"incomplete", "past_due", "unpaid"} and not open_invoices(books, found["id"]):
            books.change(found, UPDATED, status="active")
    elif status in {"active", "trialing"}:
        books.change(found, UPDATED, status="past_due")


def renew(books: Books, found: JsonObject, *, page: str) -> JsonObject:
    """Let the present period end: the next begins and is billed, or the subscription ends when that was asked for."""
    if found["status"] in {"canceled", "incomplete_expired", "incomplete", "paused"}:
        raise invalid(f"A subscription that is {found['status']} has no next period.")
    if found["cancel_at_period_end"]:
        return cancel(books, found)
    item = found["items"]["data"][0]
    recurring = item["price"]["recurring"]
    item["current_period_start"] = item["current_period_end"]
    item["current_period_end"] = period_end(item["current_period_start"], recurring["interval"], recurring["interval_count"])
    books.change(found, None, status="active" if found["status"] == "trialing" else found["status"])
    books.emit(UPDATED, found, previous={})
    bill(books, found, reason="subscription_cycle", amount=item["price"]["unit_amount"], page=page)
    return found


def give_up(books: Books, found: JsonObject, status: str) -> JsonObject:
    """End Stripe's retries: an overdue subscription becomes unpaid or cancelled, one never paid expires."""
    if found["status"] == "incomplete":
        books.change(found, UPDATED, status="incomplete_expired", ended_at=timestamp())
        return found
    if found["status"] not in {"past_due", "unpaid"}:
        raise invalid(f"A subscription that is {found['status']} has no failed payment to give up on.")
    if status == "canceled":
        return cancel(books, found)
    books.change(found, UPDATED, status="unpaid")
    return found


def cancel(books: Books, found: JsonObject) -> JsonObject:
    """End a subscription at once. Raises: Problem when it has ended already."""
    if found["status"] in {"canceled", "incomplete_expired"}:
        raise invalid(f"This subscription is already {found['status']}.")
    found.update(status="canceled", canceled_at=timestamp(), ended_at=timestamp())
    books.emit("customer.subscription.deleted", found)
    return found


def switch(books: Books, found: JsonObject, price: JsonObject) -> None:
    """Put a subscription on another price from now on; the difference isn't billed."""
    item = found["items"]["data"][0]
    if item["price"]["id"] == price["id"]:
        return
    before = {"items": {"data": [dict(item)]}}
    item["price"] = price
    found["currency"] = price["currency"]
    books.emit(UPDATED, found, previous=before)
