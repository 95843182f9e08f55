"""Who may see and change where a tenant's news goes."""

from __future__ import annotations

from posthouse.platform.permissions import Permission
from posthouse.platform.scope import Reach

READ_WEBHOOKS = Permission("webhooks:read", "See webhooks and what was delivered.", Reach.TENANT, ("owner", "admin"))
MANAGE_WEBHOOKS = Permission("webhooks:manage", "Make, change, test and delete webhooks.", Reach.TENANT, ("owner", "admin"))

PERMISSIONS = [READ_WEBHOOKS, MANAGE_WEBHOOKS]
