"""What a reseller sells: plans, and the account through which it is paid."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request
from werkzeug.wrappers import Response

from posthouse.billing.gateway import queries as gateway
from posthouse.billing.gateway import services as gateway_services
from posthouse.billing.money import Money
from posthouse.billing.permissions import PLANS_READ, PLANS_WRITE, STRIPE_CONNECT
from posthouse.billing.plans import queries, services
from posthouse.billing.plans.rules import Allowances, NewPlan
from posthouse.platform.app import settings
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Invalid
from posthouse.platform.permissions import holds
from posthouse.platform.scope import Scope
from posthouse.sending.pools import choices, permissions
from posthouse.sending.pools import queries as pools
from posthouse.sending.pools import services as pool_services
from posthouse.sending.pools.rules import STREAMS
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page

blueprint = Blueprint("selling", __name__)
MOST = 10**12


@blueprint.get("/reseller/plans")
@needs(PLANS_READ)
def index() -> Response:
    """Show the plans and the account."""
    return page("reseller/plans.html", refusal=None, **_values())


def _values() -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        account = gateway.find_account(scope) if holds(scope, STRIPE_CONNECT) else None
        hook = settings().public_url.rstrip("/") + gateway_services.HOOK_PATH.format(account=account.public_id) if account else ""
        values = {"plans": queries.list_plans(scope), "account": account, "hook": hook, "typed": request.form}
        seen = holds(scope, permissions.READ)
        chosen = choices.list_plan_pools(scope) if seen else []
        return values | {
            "pools": [pool for pool in pools.list_pools(scope) if pool.kind == "shared"] if seen else [],
            "plan_pools": {(one.plan_id, one.stream): one.pool_id for one in chosen},
            "streams": STREAMS,
            "may_offer": holds(scope, permissions.OFFER),
        }


@blueprint.post("/reseller/plans")
@needs(PLANS_WRITE)
def create() -> Response:
    """Make a draft of a plan."""
    scope = visit.scope()
    try:
        new = NewPlan(
            name=forms.text("name"),
            price=Money(_minor(), forms.text("currency").strip().lower()),
            every=forms.text("every"),
            allowances=Allowances(
                messages_month=_count("messages_month", "Messages a month"),
                messages_day=_count("messages_day", "Messages a day"),
                messages_hour=_count("messages_hour", "Messages an hour"),
                contacts=_count("contacts", "Contacts"),
            ),
            weight=forms.number("weight", least=1, most=1_000, label="The weight") or 1,
            grace_days=forms.number("grace_days", least=0, most=90, label="Days of grace") or 0,
        )
        with transaction(scope):
            plan = services.create_plan(scope, new)
            if holds(scope, permissions.OFFER):
                _choose_pools(scope, plan.id)
    except AppError as refusal:
        return form_again("reseller/plans.html", refusal, **_values())
    flash("The plan is a draft. Offer it when it is right.", "success")
    return redirect("/reseller/plans", 303)


def _count(name: str, label: str) -> int | None:
    return forms.number(name, least=0, most=MOST, label=label)


def _minor() -> int:
    """Read a price such as 19.90 as minor units, exactly."""
    whole, _, cents = forms.text("price").strip().replace(",", ".").partition(".")
    if (
        not (whole.isascii() and whole.isdigit())
        or len(whole) > 7
        or (cents and not (cents.isascii() and cents.isdigit() and len(cents) <= 2))
    ):
        raise Invalid("price_invalid", "Write the price like 19 or 19.90.", field="price")
    return int(whole) * 100 + int((cents or "0").ljust(2, "0"))


@blueprint.post("/reseller/plans/<pid('pln'):plan_id>/pools")
@needs(permissions.OFFER)
def choose_pools(plan_id: int) -> Response:
    """Say by which pools the mail of a plan's tenants leaves."""
    scope = visit.scope()

    def act() -> None:
        with transaction(scope):
            queries.get_plan(scope, plan_id)
            _choose_pools(scope, plan_id)

    return _change(act, "Saved; it holds for mail that leaves from now on.")


def _choose_pools(scope: Scope, plan_id: int) -> None:
    known = {(one.plan_id, one.stream): one.pool_id for one in choices.list_plan_pools(scope)}
    for stream in STREAMS:
        chosen = forms.chosen_id(f"pool_{stream}", "pol", label="a pool")
        if chosen != known.get((plan_id, stream)):
            pool_services.set_plan_pool(scope, plan_id=plan_id, stream=stream, pool_id=chosen)


@blueprint.post("/reseller/plans/<pid('pln'):plan_id>/offer")
@needs(PLANS_WRITE)
def offer(plan_id: int) -> Response:
    """Put a plan on sale."""
    return _change(lambda: services.offer_plan(visit.scope(), plan_id), "The plan is on sale.")


@blueprint.post("/reseller/plans/<pid('pln'):plan_id>/withdraw")
@needs(PLANS_WRITE)
def withdraw(plan_id: int) -> Response:
    """Take a plan off sale."""
    scope = visit.scope()

    def act() -> None:
        with transaction(scope):
            services.withdraw_plan(scope, plan_id)

    return _change(act, "Withdrawn. Who has the plan keeps it.")


@blueprint.post("/reseller/account")
@needs(STRIPE_CONNECT)
def connect() -> Response:
    """Connect the account at the payment provider."""
    return _change(lambda: gateway_services.connect_account(visit.scope(), api_key=forms.text("api_key")), "Connected.")


@blueprint.post("/reseller/account/secret")
@needs(STRIPE_CONNECT)
def secret() -> Response:
    """Take a webhook secret that was made or rolled at the provider."""
    scope = visit.scope()

    def act() -> None:
        with transaction(scope):
            gateway_services.set_webhook_secret(scope, secret=forms.text("secret"))

    return _change(act, "Kept. The one before stays valid until you change it again.")


def _change(act: Any, said: str) -> Response:
    try:
        act()
    except AppError as refusal:
        if refusal.kind == "missing":
            raise
        return form_again("reseller/plans.html", refusal, **_values())
    flash(said, "success")
    return redirect("/reseller/plans", 303)
