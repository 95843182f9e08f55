"""A reseller's shop on a Stripe double: plans on sale, tenants who pay or don't, webhooks that are taken in when the test says so."""

import re
from dataclasses import dataclass

import sqlalchemy as sa

from posthouse.billing.double import lifecycle, sessions
from posthouse.billing.double.books import DECLINES, PAYS
from posthouse.billing.gateway.models import StripeEvent
from posthouse.billing.gateway.queries import AccountCard
from posthouse.billing.gateway.services import Received, connect_account, receive
from posthouse.billing.money import Money
from posthouse.billing.plans.queries import PlanCard
from posthouse.billing.plans.rules import Allowances, NewPlan
from posthouse.billing.plans.services import create_plan, offer_plan
from posthouse.billing.subscriptions.queries import find_subscription
from posthouse.billing.subscriptions.services import start_checkout
from posthouse.platform.db import session, transaction
from posthouse.platform.runner import run_due
from posthouse.tenants.accounts.queries import own_tenant


@dataclass
class Shop:
    """One reseller with its account at the double. `key` opens the account's books there."""

    double: object
    listener: object
    reseller: object
    account: AccountCard
    key: str

    @property
    def books(self):
        return self.double.house.books(self.key)

    def plan(self, name="Medium", *, minor=2990, month=10_000, contacts=None, **more) -> PlanCard:
        """Make a plan and put it on sale."""
        allowed = Allowances(messages_month=month, messages_day=1_000, contacts=contacts)
        with transaction(self.reseller.scope):
            made = create_plan(
                self.reseller.scope,
                NewPlan(name=name, price=Money(minor, "eur"), allowances=allowed, **more),
            )
        return offer_plan(self.reseller.scope, made.id)

    def complete(self, url):
        """Pay on the page of a checkout."""
        with self.double.house.lock:
            found = self.books.objects[url.rsplit("/", 1)[1]]
            return sessions.complete(self.books, found, page=self.double.url)

    def subscribe(self, tenant, plan):
        """Check out, pay, and take in what Stripe reports of it; returns the subscription at the double."""
        done = self.complete(start_checkout(tenant.scope, plan.id))
        self.pump()
        return self.books.objects[done["subscription"]]

    def payments(self, tenant_or_customer, *, work):
        customer = tenant_or_customer if isinstance(tenant_or_customer, str) else self.customer(tenant_or_customer)
        self.books.payments[customer] = PAYS if work else DECLINES

    def customer(self, tenant):
        with transaction(tenant.scope) as live:
            return live.scalar(sa.text("SELECT customer FROM tenant_subscription"))

    def renew(self, subscription):
        with self.double.house.lock:
            lifecycle.renew(self.books, subscription, page=self.double.url)

    def pay_open(self, subscription):
        with self.double.house.lock:
            for one in lifecycle.open_invoices(self.books, subscription["id"]):
                lifecycle.pay(self.books, one)

    def collect(self):
        """Take what the double has delivered so far, as (account, body, header)."""
        assert self.double.courier.settled(timeout_seconds=20)
        got, self.listener.got[:] = list(self.listener.got), []
        return [(re.fullmatch(r"/hooks/stripe/(\w+)", path)[1], body, header) for body, header, path in got]

    def take_in(self, calls) -> list[Received]:
        return [receive(account, body, header) for account, body, header in calls]

    def pump(self) -> None:
        """Take in all that was delivered and do the work that it asks for."""
        for answer in self.take_in(self.collect()):
            assert answer.status == 200, answer
        run_due()

    def state(self, tenant):
        with transaction(tenant.scope):
            found = find_subscription(tenant.scope)
            return (found.state if found else None, own_tenant(tenant.scope).state)

    def events(self):
        with transaction(self.reseller.scope):
            rows = session(self.reseller.scope).scalars(sa.select(StripeEvent).order_by(StripeEvent.id))
            return [(row.kind, row.state, row.why) for row in rows]


def open_shop(double, listener, reseller, key) -> Shop:
    """Connect a reseller's account and return its shop."""
    return Shop(double, listener, reseller, connect_account(reseller.scope, api_key=key), key)
