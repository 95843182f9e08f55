"""Put a tenant on its plan the way customers get there: the reseller sells it, the tenant pays at Checkout, Stripe reports it."""

from __future__ import annotations

import secrets
from urllib.parse import quote

from posthouse.billing.gateway.services import connect_account
from posthouse.billing.money import Money
from posthouse.billing.plans.rules import Allowances, NewPlan
from posthouse.billing.plans.services import create_plan, offer_plan
from posthouse.billing.subscriptions.queries import find_subscription
from posthouse.billing.subscriptions.services import start_checkout
from posthouse.platform.db import transaction
from posthouse.platform.scope import Scope
from posthouse.platform.settings import Settings
from posthouse.tenants.quotas.queries import state
from posthouse.webui.demo import cast
from posthouse.webui.demo.accounts import Player
from posthouse.webui.demo.stage import DemoFailed, call, until


def subscribe(settings: Settings, reseller: Scope, player: Player) -> None:
    """Sell the plan to a tenant and wait until the webhook has given it its quota. Raises: DemoFailed."""
    api_key = f"sk_test_{secrets.token_hex(12)}"
    connect_account(reseller, api_key=api_key)
    with transaction(reseller):
        plan = create_plan(
            reseller, NewPlan(name=cast.PLAN, price=Money(1900, "eur"), allowances=Allowances(messages_month=player.part.quota))
        )
    offer_plan(reseller, plan.id)
    session_id = start_checkout(player.scope, plan.id).rstrip("/").rpartition("/")[2]
    status, answer = call("POST", f"{settings.stripe_api}/_double/checkout/sessions/{quote(session_id)}/complete", key=api_key)
    if status != 200:
        raise DemoFailed(f"The checkout could not be paid: {status} {answer}")
    until(f"Stripe's webhook has put {player.part.name} on its plan", lambda: _on_plan(player))


def _on_plan(player: Player) -> bool:
    with transaction(player.scope):
        found = find_subscription(player.scope)
        month = next(card for card in state(player.scope) if card.period == "month")
        return found is not None and found.sends and month.allowed == player.part.quota
