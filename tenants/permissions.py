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

ENTER_TENANTS = Permission("tenants:enter", "Look at a tenant from inside, on the record.", Reach.RESELLER, ("owner", "admin", "support"))
ACT_IN_TENANTS = Permission(
    "tenants:act", "Change things inside a tenant on its behalf, on the record.", Reach.RESELLER, ("owner", "admin")
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
    ACT_IN_TENANTS,
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

_OWNERS = ("owner", "admin")
_EDITORS = ("owner", "admin", "editor")
_READERS = ("owner", "admin", "editor", "analyst")

DELETE_CONTACTS = Permission("contacts:delete", "Delete and erase contacts", reach=Reach.TENANT, roles=_OWNERS)
EXPORT_CONTACTS = Permission("contacts:export", "Export contacts", reach=Reach.TENANT, roles=_OWNERS)
IMPORT_CONTACTS = Permission("contacts:import", "Import contacts from files", reach=Reach.TENANT, roles=_EDITORS)
READ_CONTACTS = Permission("contacts:read", "See contacts", reach=Reach.TENANT, roles=_READERS)
WRITE_CONTACTS = Permission("contacts:write", "Make and change contacts", reach=Reach.TENANT, roles=_EDITORS)
WRITE_FIELDS = Permission("fields:write", "Make, change and delete contact fields", reach=Reach.TENANT, roles=_EDITORS)
READ_LISTS = Permission("lists:read", "See lists", reach=Reach.TENANT, roles=_READERS)
WRITE_LISTS = Permission("lists:write", "Make, change and delete lists", reach=Reach.TENANT, roles=_EDITORS)
MANAGE_PLATFORM_SUPPRESSIONS = Permission(
    "platform_suppressions:manage", "Keep everybody from writing to an address", reach=Reach.OPERATOR, roles=("admin",)
)
MANAGE_RESELLER_SUPPRESSIONS = Permission(
    "reseller_suppressions:manage", "Keep all tenants from writing to an address", reach=Reach.RESELLER, roles=("owner", "admin", "support")
)
WRITE_SUBSCRIPTIONS = Permission("subscriptions:write", "Subscribe and unsubscribe contacts", reach=Reach.TENANT, roles=_EDITORS)
READ_SUPPRESSIONS = Permission("suppressions:read", "See suppressed addresses", reach=Reach.TENANT, roles=_READERS)
WRITE_SUPPRESSIONS = Permission("suppressions:write", "Suppress addresses and lift suppressions", reach=Reach.TENANT, roles=_EDITORS)

AUDIENCE = (
    DELETE_CONTACTS,
    EXPORT_CONTACTS,
    IMPORT_CONTACTS,
    READ_CONTACTS,
    WRITE_CONTACTS,
    WRITE_FIELDS,
    READ_LISTS,
    WRITE_LISTS,
    MANAGE_PLATFORM_SUPPRESSIONS,
    MANAGE_RESELLER_SUPPRESSIONS,
    WRITE_SUBSCRIPTIONS,
    READ_SUPPRESSIONS,
    WRITE_SUPPRESSIONS,
)
