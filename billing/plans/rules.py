"""What a plan may look like."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from posthouse.billing.money import Money
from posthouse.platform.errors import Invalid

MAX_NAME = 80
EVERY = ("month", "year")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowances:
    """How much a plan allows; None is no limit of the plan's own. Messages a month, day and hour; contacts at any time."""

    messages_month: int | None = None
    messages_day: int | None = None
    messages_hour: int | None = None
    contacts: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPlan:
    """A plan as a reseller asks for it. `weight` is its tenants' share when a pool is short; `grace_days` how long an unpaid one goes on."""

    name: str
    price: Money
    every: str = "month"
    allowances: Allowances = field(default_factory=Allowances)
    features: tuple[str, ...] = ()
    weight: int = 1
    grace_days: int = 7


def checked(plan: NewPlan) -> NewPlan:
    """Return the plan when it can be offered. Raises: Invalid with the field to blame."""
    name = " ".join(plan.name.split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise Invalid("plan_name_invalid", f"Give the plan a name of at most {MAX_NAME} characters.", field="name")
    if plan.every not in EVERY:
        raise Invalid("plan_interval_invalid", "A plan is paid each month or each year.", field="every")
    if plan.price.minor < 0:
        raise Invalid("plan_price_invalid", "A price can't be below zero.", field="price")
    for allowance in ("messages_month", "messages_day", "messages_hour", "contacts"):
        value = getattr(plan.allowances, allowance)
        if value is not None and not 0 <= value <= 10**12:
            raise Invalid("plan_allowance_invalid", "An allowance is a whole number from 0, or empty for no limit.", field=allowance)
    if not 1 <= plan.weight <= 1000:
        raise Invalid("plan_weight_invalid", "The weight lies between 1 and 1000.", field="weight")
    if not 0 <= plan.grace_days <= 60:
        raise Invalid("plan_grace_invalid", "The days of grace lie between 0 and 60.", field="grace_days")
    return replace(plan, name=name)
