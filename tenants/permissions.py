"""What may be done at each reach, and which built-in roles hold it. Sorted by reach and name."""

from __future__ import annotations

from posthouse.platform.permissions import Permission
from posthouse.platform.scope import Reach

OPERATOR_ROLES = ("admin",)
RESELLER_ROLES = ("owner", "admin", "support", "billing")
TENANT_ROLES = ("owner", "admin", "editor", "analyst")

READ_INSTALLATION = Permission("installation:read", "See resellers and the state of the installation.", Reach.OPERATOR, ("admin",))
MANAGE_RESELLERS = Permission("resellers:manage", "Open, suspend and close resellers, and enter them.", Reach.OPERATOR, ("admin",))
READ_OPERATOR_AUDIT = Permission("operator_audit:read", "Read the operator's audit.", Reach.OPERATOR, ("admin",))

ENTER_TENANTS = Permission(
    "tenants:enter", "Work inside a tenant on its behalf, on the record.", Reach.RESELLER, ("owner", "admin", "support")
)
MANAGE_BRAND = Permission("brand:manage", "Change name, colours and logo.", Reach.RESELLER, ("owner", "admin"))
MANAGE_RESELLER_PEOPLE = Permission("reseller_people:manage", "Add and remove the reseller's people.", Reach.RESELLER, ("owner", "admin"))
MANAGE_TENANTS = Permission("tenants:manage", "Open, suspend and close tenants.", Reach.RESELLER, ("owner", "admin"))
READ_RESELLER_AUDIT = Permission("reseller_audit:read", "Read the reseller's audit.", Reach.RESELLER, ("owner", "admin"))
READ_TENANTS = Permission("tenants:read", "See tenants and how they do.", Reach.RESELLER, RESELLER_ROLES)

MANAGE_KEYS = Permission("keys:manage", "Make and revoke API keys.", Reach.TENANT, ("owner", "admin"))
MANAGE_PEOPLE = Permission("people:manage", "Add and remove people and set their roles.", Reach.TENANT, ("owner", "admin"))
MANAGE_PROFILE = Permission("profile:manage", "Change the tenant's name, postal address and time zone.", Reach.TENANT, ("owner", "admin"))
READ_AUDIT = Permission("audit:read", "Read who did what.", Reach.TENANT, ("owner", "admin"))
READ_PROFILE = Permission("profile:read", "See the tenant's profile.", Reach.TENANT, TENANT_ROLES)

PERMISSIONS = [
    READ_INSTALLATION,
    MANAGE_RESELLERS,
    READ_OPERATOR_AUDIT,
    ENTER_TENANTS,
    MANAGE_BRAND,
    MANAGE_RESELLER_PEOPLE,
    MANAGE_TENANTS,
    READ_RESELLER_AUDIT,
    READ_TENANTS,
    MANAGE_KEYS,
    MANAGE_PEOPLE,
    MANAGE_PROFILE,
    READ_AUDIT,
    READ_PROFILE,
]
