"""What may be done with money, and by whom."""

from __future__ import annotations

from posthouse.platform.permissions import Permission
from posthouse.platform.scope import Reach

PLANS_READ = Permission("plans:read", "See plans and prices", reach=Reach.RESELLER, roles=("owner", "admin", "support", "billing"))
PLANS_WRITE = Permission("plans:write", "Make, offer and withdraw plans", reach=Reach.RESELLER, roles=("owner", "admin", "billing"))
STRIPE_CONNECT = Permission("stripe:connect", "Connect the account at Stripe", reach=Reach.RESELLER, roles=("owner", "billing"))
BILLING_READ = Permission("billing:read", "See the plan, usage and invoices", reach=Reach.TENANT, roles=("owner", "admin"))
BILLING_WRITE = Permission("billing:write", "Take out, change and end the subscription", reach=Reach.TENANT, roles=("owner",))

ALL = (PLANS_READ, PLANS_WRITE, STRIPE_CONNECT, BILLING_READ, BILLING_WRITE)
