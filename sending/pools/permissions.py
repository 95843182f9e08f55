"""Who may see and change pools."""

from __future__ import annotations

from posthouse.platform.permissions import Permission
from posthouse.platform.scope import Reach

MANAGE = Permission("pools:manage", "Make pools and routes, and say which reseller may use them.", Reach.OPERATOR, ("admin",))
READ = Permission("pools:read", "See the pools that the reseller's tenants send through.", Reach.RESELLER, ("owner", "admin", "support"))
# No role of a tenant holds it: which way its mail goes is the reseller's business.
CHOOSE = Permission("tenant_pools:choose", "Choose the pool that this tenant sends through.", Reach.TENANT, ())

OFFER = Permission(
    "pools:offer", "Say which pools tenants may choose, and by which each provider's mail leaves.", Reach.RESELLER, ("owner", "admin")
)

PERMISSIONS = [MANAGE, READ, OFFER, CHOOSE]
