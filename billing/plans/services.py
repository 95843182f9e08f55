"""Makes, offers and withdraws plans."""

from __future__ import annotations

from posthouse.billing.errors import not_for_sale
from posthouse.billing.gateway import vault
from posthouse.billing.gateway.stripe import Stripe
from posthouse.billing.permissions import PLANS_WRITE
from posthouse.billing.plans.models import Plan
from posthouse.billing.plans.queries import PlanCard, card
from posthouse.billing.plans.rules import NewPlan, checked
from posthouse.platform import audit
from posthouse.platform.db import session, transaction
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope


def create_plan(scope: Scope, new: NewPlan, *, position: int = 0) -> PlanCard:
    """Make a draft, which nobody can choose yet. Raises: Invalid."""
    require(scope, PLANS_WRITE)
    new = checked(new)
    row = Plan(
        name=new.name,
        position=position,
        price_minor=new.price.minor,
        currency=new.price.currency,
        every=new.every,
        messages_month=new.allowances.messages_month,
        messages_day=new.allowances.messages_day,
        messages_hour=new.allowances.messages_hour,
        contacts=new.allowances.contacts,
        features=list(new.features),
        weight=new.weight,
        grace_days=new.grace_days,
        state="draft",
    )
    live = session(scope)
    live.add(row)
    live.flush()
    audit.record(scope, verb="plan.created", subject="plan", subject_id=row.id, price=new.price.minor, currency=new.price.currency)
    return card(row)


def offer_plan(scope: Scope, plan_id: int) -> PlanCard:
    """Put a plan on sale: its price is made at Stripe, once, and its tenants can choose it. Opens its own transactions; may be repeated.

    Raises: Missing, Conflict when no account is connected, Invalid, OutsideFailure.
    """
    with transaction(scope):
        require(scope, PLANS_WRITE)
        plan = card(_mine(scope, plan_id))
        access = vault.connected(scope)
    if plan.stripe_price is None or plan.account_id != access.account_id:
        with Stripe(access.api_key, base=access.base) as stripe:
            made = stripe.make_price(plan.name, plan.price, plan.every, key=f"plan-{plan.id}-{access.account_id}")
    else:
        made = None
    with transaction(scope):
        row = _mine(scope, plan_id)
        if made is not None:
            row.account_id, row.stripe_price, row.stripe_product = access.account_id, made.price_id, made.product_id
        row.state = "offered"
        audit.record(scope, verb="plan.offered", subject="plan", subject_id=row.id)
        return card(row)


def withdraw_plan(scope: Scope, plan_id: int) -> PlanCard:
    """Take a plan off sale; who has it keeps it. May be repeated. Raises: Missing."""
    require(scope, PLANS_WRITE)
    row = _mine(scope, plan_id)
    if row.state == "offered":
        row.state = "withdrawn"
        audit.record(scope, verb="plan.withdrawn", subject="plan", subject_id=row.id)
    return card(row)


def _mine(scope: Scope, plan_id: int) -> Plan:
    found = session(scope).get(Plan, (scope.reseller, plan_id), with_for_update=True)
    if found is None:
        raise not_for_sale()
    return found
