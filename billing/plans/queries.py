"""Reads plans. A reseller sees all of its own, a tenant those that its reseller offers."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from posthouse.billing.errors import not_for_sale
from posthouse.billing.money import Money
from posthouse.billing.permissions import BILLING_READ, PLANS_READ
from posthouse.billing.plans.models import Plan
from posthouse.billing.plans.rules import Allowances
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCard:
    """A plan. `state` is draft, offered or withdrawn; `account_id` and `stripe_price` are None for a draft."""

    id: int
    name: str
    price: Money
    every: str
    allowances: Allowances
    features: tuple[str, ...]
    weight: int
    grace_days: int
    state: str
    account_id: int | None
    stripe_price: str | None


def card(row: Plan) -> PlanCard:
    """Return a row as a card."""
    return PlanCard(
        id=row.id,
        name=row.name,
        price=Money(row.price_minor, row.currency),
        every=row.every,
        allowances=Allowances(
            messages_month=row.messages_month, messages_day=row.messages_day, messages_hour=row.messages_hour, contacts=row.contacts
        ),
        features=tuple(row.features),
        weight=row.weight,
        grace_days=row.grace_days,
        state=row.state,
        account_id=row.account_id,
        stripe_price=row.stripe_price,
    )


def list_plans(scope: Scope) -> list[PlanCard]:
    """Return all plans of the reseller in its order, withdrawn ones last."""
    require(scope, PLANS_READ)
    order = (Plan.state == "withdrawn", Plan.position, Plan.price_minor, Plan.id)
    return [card(row) for row in session(scope).scalars(sa.select(Plan).order_by(*order))]


def list_offered_plans(scope: Scope) -> list[PlanCard]:
    """Return what the tenant can choose from."""
    require(scope, BILLING_READ)
    order = (Plan.position, Plan.price_minor, Plan.id)
    return [card(row) for row in session(scope).scalars(sa.select(Plan).where(Plan.state == "offered").order_by(*order))]


def get_plan(scope: Scope, plan_id: int) -> PlanCard:
    """Return one plan of the scope's reseller in any state. Raises: Missing."""
    found = session(scope).get(Plan, (scope.reseller, plan_id))
    if found is None:
        raise not_for_sale()
    return card(found)


def plans_by_price(scope: Scope, account_id: int) -> dict[str, PlanCard]:
    """Return the plans that were ever sold through an account at Stripe, by Stripe's price id. The only source of what a price means."""
    rows = session(scope).scalars(sa.select(Plan).where(Plan.account_id == account_id, Plan.stripe_price.is_not(None)))
    return {row.stripe_price: card(row) for row in rows if row.stripe_price is not None}
