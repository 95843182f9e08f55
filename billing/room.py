"""May they have more, and who owes whom what?

Billing knows plans and their prices, what a tenant has subscribed to, and what Stripe says of it. It writes allowances
into tenants' quotas and tells tenants' accounts when one must pause; it reads usage from there. It never sends mail, never
speaks HTTP to a person, and never loses a tenant's data over money. Only `gateway/stripe.py` knows Stripe's SDK.
"""

from __future__ import annotations

from posthouse.billing import permissions
from posthouse.billing.double.command import COMMAND as STRIPE_DOUBLE
from posthouse.billing.subscriptions.jobs import HANDLERS, JOBS, PERIODIC
from posthouse.platform.manifest import Room

ROOM = Room(
    name="billing",
    models=["posthouse.billing.gateway.models", "posthouse.billing.plans.models", "posthouse.billing.subscriptions.models"],
    permissions=permissions.ALL,
    jobs=JOBS,
    periodic=PERIODIC,
    handlers=HANDLERS,
    commands=[STRIPE_DOUBLE],
    sealed=["stripe_account.api_key", "stripe_account.webhook_secret", "stripe_account.webhook_secret_before"],
)
