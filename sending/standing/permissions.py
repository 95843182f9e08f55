"""Who may see standings, release tenants, and set limits."""

from __future__ import annotations

from posthouse.platform.permissions import Permission
from posthouse.platform.scope import Reach

FLOORS = Permission(
    "standings:floors", "Set at which bounces and complaints sending slows and stops, and release tenants.", Reach.OPERATOR, ("admin",)
)
MANAGE = Permission(
    "standings:manage",
    "See which tenants are warned, slowed or stopped, release them, and set stricter limits.",
    Reach.RESELLER,
    ("owner", "admin"),
)

PERMISSIONS = [FLOORS, MANAGE]
