"""Money from the first sight of a plan to a paid one again, over real HTTP: our pages, Stripe's SDK against our double, signed webhooks.

Jobs run when the journey says so, as a worker would: between a webhook and its job the world may look otherwise.
"""

from __future__ import annotations

import json
import re
import signal
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import births
import pytest
import sqlalchemy as sa
from product import until
from program import Program, issue_key
from serving import Answer
from shops import make_domain
from street import Street, open_street
from visitor import Visitor

from posthouse.billing.double.courier import encode, sign
from posthouse.billing.gateway import vault
from posthouse.billing.gateway.models import StripeAccount
from posthouse.billing.gateway.queries import find_account
from posthouse.billing.subscriptions import jobs as billing_jobs
from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.runner import run_due
from posthouse.platform.scope import system
from posthouse.platform.settings import environment
from posthouse.sending.delivery import claiming
from posthouse.sending.pools import services as pools
from posthouse.tenants.accounts.queries import own_tenant
from posthouse.tenants.quotas import queries as quotas

KEY = "sk_test_reseller_a"
OTHER_KEY = "sk_test_reseller_b"
LETTER = {"from_address": "shop@tea.example.com", "subject": "Your order", "html": "<p>Thank you.</p>"}


@dataclass(frozen=True)
class Double:
    """The product's own stand-in for Stripe, in a process of its own."""

    url: str

    def control(self, path: str, *, key: str = KEY, **form: str) -> Any:
        """Do what one can do to the double and not to Stripe; without a form, read."""
        data = "&".join(f"{name}={value}" for name, value in form.items()).encode() if form else None
        request = urllib.request.Request(self.url + path, data=data, headers={"Authorization": f"Bearer {key}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def delivered(self) -> list[dict[str, Any]]:
        """Wait until nothing is left to deliver; returns every try so far."""
        return until(lambda: (found := self.control("/_double/deliveries"))["waiting"] == 0 and found["attempts"])


@pytest.fixture
def double(tmp_path: Path) -> Iterator[Double]:
    said = tmp_path / "double.out"
    process = births.start(["stripe-double", "--port", "0"], environment(), output=said)
    yield Double(until(lambda: re.search(r"http://127\.0\.0\.1:\d+", said.read_text()))[0])
    process.send_signal(signal.SIGTERM)
    process.wait(20)


@pytest.fixture
def street(tmp_path: Path, double: Double) -> Iterator[Street]:
    with open_street(tmp_path, stripe_api=double.url, allow_reserved_domains=True) as opened:
        yield opened


def _visitor(street: Street, place: Any) -> Visitor:
    person = Visitor(street.served.url)
    assert person.sign_in(place.email).status == 200
    return person


def _open_for_sale(street: Street, reseller: Any, key: str = KEY) -> Visitor:
    """The reseller connects its account, drafts two plans and offers them, all on its pages."""
    seller = _visitor(street, reseller)
    assert "Connected" in seller.post("/reseller/account", page="/reseller/plans", api_key=key).text
    for name, price, month in (("Small", "9.90", "1000"), ("Large", "29", "20000")):
        drafted = seller.post(
            "/reseller/plans", name=name, price=price, currency="eur", every="month", messages_month=month, messages_day="", messages_hour="",
            contacts="5000", grace_days="7",
        )  # fmt: skip
        assert "is a draft" in drafted.text
    for offer in dict.fromkeys(re.findall(r"/reseller/plans/pln_\w+/offer", seller.get("/reseller/plans").text)):
        assert "on sale" in seller.post(offer, page="/reseller/plans").text
    return seller


def _choose(tenant: Visitor, name: str) -> str:
    """Press the plan's button and return the address of the payment page."""
    card = re.search(rf'aria-label="Plan {name}">.*?</section>', tenant.get("/plan").text, re.DOTALL)
    assert card, "the plan is not offered"
    plan = re.search(r'name="plan" value="(pln_\w+)"', card[0])
    assert plan
    seen = tenant.post("/plan/checkout", page="/plan", plan=plan[1])
    assert (seen.status, "Pay and subscribe" in seen.text) == (200, True), seen.url
    return seen.url


def _customer(place: Any) -> str:
    with transaction(place.scope) as live:
        return str(live.scalar(sa.text("SELECT customer FROM tenant_subscription")))


def _subscription(place: Any) -> str:
    with transaction(place.scope) as live:
        return str(live.scalar(sa.text("SELECT subscription FROM tenant_subscription")))


def _state(place: Any) -> str:
    with transaction(place.scope):
        return own_tenant(place.scope).state


def _events(place: Any) -> list[tuple[str, str, str | None]]:
    with transaction(place.scope):
        rows = session(place.scope).execute(sa.text("SELECT event, state, why FROM stripe_event ORDER BY id")).all()
    return [(row.event, row.state, row.why) for row in rows]


def _allowed(place: Any) -> dict[str, int | None]:
    with transaction(place.scope):
        return {one.period: one.allowed for one in quotas.state(place.scope)}


def _work(double: Double) -> None:
    assert all(one["status"] == 200 for one in double.delivered())
    run_due()


def _subscribe(street: Street, double: Double, place: Any, plan: str) -> Visitor:
    tenant = _visitor(street, place)
    payment = _choose(tenant, plan)
    back = tenant.submit(payment, do="pay")
    assert back.url.startswith(street.served.url + "/plan?checkout=done")
    assert "as soon as the payment is confirmed" in back.text
    assert "Choose Small" not in back.text
    _work(double)
    assert "Your payment arrived" in tenant.get("/plan?checkout=done").text
    return tenant


def _way_out(street: Street) -> None:
    """Give reseller a's tenants a way out, so that only money can hold their mail."""
    operator, a1 = street.world.operator, street.world.a1.scope
    make_domain(a1, "tea.example.com")
    with transaction(operator):
        pool_id = pools.create_pool(operator, name="shared")
        pools.add_route(operator, pool_id=pool_id, name="relay", host="127.0.0.1", port=9, tls="none")
        for stream in ("marketing", "transactional"):
            pools.grant_pool(operator, pool_id=pool_id, reseller_id=street.world.a.id, stream=stream, default=True)


def _leaves(street: Street, folder: Path) -> int:
    """Claim what a worker would now send of tenant a1's single messages; returns how many."""
    found = claiming.claim(street.world.a1.scope, stream="transactional", place=claiming.Place(folder, "test", "test"))
    return len(found.cards) if found else 0


@pytest.mark.timeout(240)
def test_from_a_plan_on_sale_to_grace_pause_and_back(street: Street, double: Double, tmp_path: Path) -> None:
    """Subscribed on the web page, allowed by the plan, warned and paused when payment fails, sending again when it is paid."""
    place = street.world.a1
    _open_for_sale(street, street.world.a)
    _way_out(street)
    tenant = _subscribe(street, double, place, "Small")

    assert (_state(place), _allowed(place)["month"]) == ("active", 1000)
    shown = tenant.get("/plan").text
    assert "Small" in shown
    assert "of 1,000" in shown
    assert "of 5,000" in shown
    assert "Choose Large" not in shown  # a second subscription would be paid twice

    program = Program(street.served, issue_key(street.web, place)[1])
    assert program.call("POST", "/messages", {**LETTER, "to": "ann@example.com"}).status == 202

    double.control(f"/_double/customers/{_customer(place)}/payments", outcome="declines")
    double.control(f"/_double/subscriptions/{_subscription(place)}/renew", x="")
    _work(double)
    assert _state(place) == "grace"
    assert "A payment has failed" in tenant.get("/").text
    assert program.call("POST", "/messages", {**LETTER, "to": "ben@example.com"}).status == 202

    with clock.frozen(clock.now() + timedelta(days=8)):
        billing_jobs.end_graces(system("grace"))
        run_due()
        assert _state(place) == "paused"
        assert _leaves(street, tmp_path) == 0  # both messages wait; nothing is lost
    assert "Sending is paused" in tenant.get("/").text
    refused = program.call("POST", "/messages", {**LETTER, "to": "cy@example.com"})
    assert (refused.status, refused.json["code"]) == (409, "tenant_not_active")
    assert "payment failed" in refused.json["detail"]
    assert _allowed(place)["month"] == 1000

    double.control(f"/_double/customers/{_customer(place)}/payments", outcome="succeeds")
    portal = tenant.post("/plan/portal", page="/plan")
    assert "Pay what is open" in portal.text
    tenant.submit(portal.url, do="pay")
    _work(double)
    assert _state(place) == "active"
    assert "Sending is paused" not in tenant.get("/").text
    with clock.frozen(clock.now() + timedelta(days=8)):
        assert _leaves(street, tmp_path) == 2
    assert _state(street.world.a2) == "active"
    assert _allowed(street.world.a2)["month"] is None


def _hook(street: Street) -> tuple[str, str]:
    """Return the path of reseller a's webhook and its secret, as the double knows them."""
    scope = street.world.a.scope
    with transaction(scope) as live:
        account = find_account(scope)
        assert account is not None
        row = live.scalars(sa.select(StripeAccount)).one()
        return f"/hooks/stripe/{account.public_id}", vault.secrets_of(row)[0]


def _event(event_id: str, customer: str, **more: Any) -> bytes:
    about = {"id": "in_1", "object": "invoice", "customer": customer}
    return encode({"id": event_id, "object": "event", "type": "invoice.paid", "livemode": False, "data": {"object": about}, **more})


def _send(street: Street, path: str, body: bytes, header: str | None) -> Answer:
    headers = {"Content-Type": "application/json"} | ({} if header is None else {"Stripe-Signature": header})
    return street.served.call("POST", path, body=body, headers=headers)


@pytest.mark.timeout(240)
def test_who_comes_back_before_the_webhook_is_not_kept_waiting(street: Street, double: Double) -> None:
    """With every webhook lost, the page that the payment leads back to has Stripe asked, by a job."""
    _open_for_sale(street, street.world.a)
    tenant = _visitor(street, street.world.a1)
    payment = _choose(tenant, "Small")
    double.control("/_double/deliveries", lose="100")
    assert "as soon as the payment is confirmed" in tenant.submit(payment, do="pay").text
    run_due()
    assert _events(street.world.a) == []
    assert (_state(street.world.a1), _allowed(street.world.a1)["month"]) == ("active", 1000)
    assert "Your payment arrived" in tenant.get("/plan?checkout=done&look=1").text


@pytest.mark.timeout(240)
def test_what_is_not_proven_stripe_s_changes_nothing(street: Street, double: Double) -> None:
    """No, wrong, old, foreign or moved signatures are refused and not kept; repeats, other accounts and strangers change nothing."""
    _open_for_sale(street, street.world.a)
    _open_for_sale(street, street.world.b, OTHER_KEY)
    _subscribe(street, double, street.world.a1, "Small")
    path, secret = _hook(street)
    customer, now = _customer(street.world.a1), int(clock.now().timestamp())
    body = _event("evt_forged", customer)
    before = _events(street.world.a)
    good = sign((secret,), body, at=now)

    for header in (None, "", "t=1,v1=" + "0" * 64, sign(("whsec_wrong",), body, at=now), sign((secret,), body, at=now - 400), sign((secret,), body, at=now + 400), good.replace("v1=", "v0="), good + ",t=1"):  # fmt: skip
        assert _send(street, path, body, header).status == 400
    assert _send(street, path, body + b" ", good).status == 400
    assert _send(street, "/hooks/stripe/acc_0000000000001", body, good).status == 404
    assert _send(street, "/hooks/stripe/" + "x" * 3000, body, good).status == 404
    assert _send(street, path, b"x" * 1_100_000, good).status == 413
    assert street.served.call("GET", path).status == 405
    assert _events(street.world.a) == before

    for answer in (_send(street, path, body, good), _send(street, path, body, good)):
        assert answer.status == 200
        assert "set-cookie" not in answer.headers
    strangers = {
        "evt_other_account": (_event("evt_other_account", customer, account="acct_other"), "other_account"),
        "evt_live": (_event("evt_live", customer, livemode=True), "other_mode"),
        "evt_stranger": (_event("evt_stranger", "cus_stranger"), "unknown_customer"),
    }
    for sent, _why in strangers.values():
        assert _send(street, path, sent, sign((secret,), sent, at=now)).status == 200
    run_due()
    found = {event: why for event, _state_, why in _events(street.world.a)}
    assert [event for event, *_ in _events(street.world.a)].count("evt_forged") == 1
    assert {name: found[name] for name in strangers} == {name: why for name, (_, why) in strangers.items()}
    assert (_state(street.world.a1), _allowed(street.world.a1)["month"]) == ("active", 1000)
    assert not {"evt_forged", *strangers} & {event for event, *_ in _events(street.world.b)}


@pytest.mark.timeout(240)
def test_order_and_repetition_of_events_do_not_matter(street: Street, double: Double) -> None:
    """Held back, shuffled and sent three times over, the events lead to what is true at Stripe; each is kept once."""
    _open_for_sale(street, street.world.a)
    tenant = _visitor(street, street.world.a1)
    payment = _choose(tenant, "Large")
    double.control("/_double/deliveries", hold="true", repeats="2", seed="3")
    tenant.submit(payment, do="pay")
    double.control("/_double/deliveries/release", shuffle="true")
    _work(double)
    kept = [event for event, *_ in _events(street.world.a)]
    assert len(kept) == len(set(kept))
    assert len([one for one in double.delivered() if one["event_id"] == kept[0]]) == 3
    assert (_state(street.world.a1), _allowed(street.world.a1)["month"]) == ("active", 20_000)
    assert {state for _, state, _ in _events(street.world.a)} == {"processed"}
