"""Who may see and set how much may be sent."""

from __future__ import annotations

from posthouse.platform.permissions import Permission
from posthouse.platform.scope import Reach

READ = Permission("quotas:read", "See how much may be sent and how much was.", Reach.TENANT, ("owner", "admin", "editor", "analyst"))
READ_RESELLER = Permission(
    "reseller_quotas:read", "See how much all tenants together may send.", Reach.RESELLER, ("owner", "admin", "billing")
)
READ_OPERATOR = Permission("operator_quotas:read", "See how much the installation may send.", Reach.OPERATOR, ("admin",))
# No role of a tenant holds it: a tenant doesn't set its own limits. Jobs do (plans), and a reseller's people who entered.
SET = Permission("quotas:set", "Set how much this tenant may send.", Reach.TENANT, ())
SET_ABOVE = Permission("operator_quotas:set", "Set how much a reseller or the installation may send.", Reach.OPERATOR, ("admin",))

PERMISSIONS = [READ, READ_RESELLER, READ_OPERATOR, SET, SET_ABOVE]
