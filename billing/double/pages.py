"""The pages that a person sees at the double: Checkout, an invoice, the billing portal. Plain forms that work without scripts."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs

from posthouse.billing.double import lifecycle, sessions
from posthouse.billing.double.books import DECLINES, PAYS, Books, JsonObject
from posthouse.billing.double.house import House
from posthouse.billing.double.problems import Problem, no_such
from posthouse.billing.money import Money

_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}
h1{font-size:1.4rem} .sum{font-size:2rem;font-weight:600;margin:.5rem 0}
button{font:inherit;padding:.6rem 1rem;border-radius:.5rem;border:1px solid;cursor:pointer;margin:.25rem .25rem .25rem 0}
button.main{background:#4f46e5;color:#fff;border-color:#4f46e5}
.note{border-inline-start:4px solid #d97706;padding:.25rem .75rem} .error{border-color:#dc2626}
"""


class Page:
    """What goes back to the browser: a page, or the way on."""

    def __init__(self, *, status: int = 200, title: str = "", body: str = "", location: str | None = None) -> None:
        self.status = status
        self.location = location
        self.html = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}"
            f'<p class="note">This is a rehearsal: no card is charged and no money moves.</p></body></html>'
        )


def show(house: House, method: str, path: str, body: bytes) -> Page:
    """Answer a page's address; a POST does what its button says and goes on from there."""
    _, kind, object_id = path.split("/", 2)
    action = parse_qs(body.decode(errors="replace")).get("do", [""])[0] if method == "POST" else ""
    with house.lock:
        books = house.holding(object_id)
        try:
            if books is None:
                raise no_such("page", object_id)
            return {"c": _checkout, "i": _invoice, "p": _portal}[kind](books, object_id, action, page=house.page)
        except Problem as problem:
            return Page(status=problem.status, title="This page can't be used", body=f"<p>{escape(str(problem))}</p>")


def _checkout(books: Books, session_id: str, action: str, *, page: str) -> Page:
    session = books.find("checkout.session", session_id)
    note = ""
    if action == "cancel":
        return Page(status=303, location=session["cancel_url"] or session["success_url"])
    if action in {"pay", "decline"}:
        if action == "decline":
            note = '<p class="note error">Your card was declined. Try another card.</p>'
        else:
            try:
                sessions.complete(books, session, page=page)
            except Problem as problem:
                note = f'<p class="note error">{escape(str(problem))}</p>'
    if session["status"] == "complete":
        return Page(status=303, location=session["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id))
    if session["status"] == "expired":
        return Page(status=410, title="This checkout has expired", body="<p>Go back to the shop and start again.</p>")
    price = books.find("price", session["_price"])
    product = books.find("product", price["product"])
    each = price["recurring"]
    text = f'<p>{escape(product["name"])}</p><p class="sum">{_money(price["unit_amount"], price["currency"])} <small>each {each["interval"]}</small></p>'
    return Page(
        title="Subscribe", body=note + text + _buttons(pay="Pay and subscribe", decline="Pay with a card that fails", cancel="Back")
    )


def _invoice(books: Books, invoice_id: str, action: str, *, page: str) -> Page:
    found = books.find("invoice", invoice_id)
    note = ""
    if action == "pay" and found["status"] == "open" and not lifecycle.pay(books, found):
        note = '<p class="note error">Your card was declined.</p>'
    text = f'<p class="sum">{_money(found["amount_due"], found["currency"])}</p><p>This invoice is {found["status"]}.</p>'
    return Page(title=f"Invoice {found['number']}", body=note + text + (_buttons(pay="Pay") if found["status"] == "open" else ""))


def _portal(books: Books, portal_id: str, action: str, *, page: str) -> Page:
    portal = books.find("billing_portal.session", portal_id)
    customer_id = portal["customer"]
    if action == "leave":
        return Page(status=303, location=portal["return_url"] or "/")
    if action in {"good_card", "bad_card"}:
        books.payments[customer_id] = PAYS if action == "good_card" else DECLINES
        books.emit("customer.updated", books.find("customer", customer_id), previous={})
    running = [one for one in books.each("subscription", customer=customer_id) if one["status"] not in {"canceled", "incomplete_expired"}]
    owed = list(books.each("invoice", customer=customer_id, status="open"))
    if action == "pay":
        for one in owed:
            lifecycle.pay(books, one)
    if action in {"end", "go_on"}:
        for one in running:
            books.change(one, lifecycle.UPDATED, cancel_at_period_end=action == "end")
    owed = [one for one in owed if one["status"] == "open"]
    card = "works" if books.pays(customer_id) else "is declined by the bank"
    text = f"<p>The card on file {card}.</p>" + "".join(_line(one) for one in running)
    text += "".join(f"<p>Open: {_money(one['amount_due'], one['currency'])} ({escape(one['number'])})</p>" for one in owed)
    shown = {
        "good_card": "Use a card that works",
        "bad_card": "Use a card that fails",
        "end": "End with the period",
        "go_on": "Don't end it",
    }
    return Page(title="Your subscription", body=text + _buttons(**({"pay": "Pay what is open"} if owed else {}), **shown, leave="Back"))


def _line(found: JsonObject) -> str:
    price = found["items"]["data"][0]["price"]
    ends = ", ends with this period" if found["cancel_at_period_end"] else ""
    return f"<p>{_money(price['unit_amount'], price['currency'])} each {price['recurring']['interval']}: {found['status']}{ends}</p>"


def _money(minor: int, currency: str) -> str:
    return escape(Money(minor, currency).show())


def _buttons(**labels: str) -> str:
    made = [
        f'<button name="do" value="{value}"{" class=main" if place == 0 else ""}>{escape(label)}</button>'
        for place, (value, label) in enumerate(labels.items())
    ]
    return f'<form method="post">{"".join(made)}</form>'
