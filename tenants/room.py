"""Who is this, whose are they, what may they do, and whom do they write to?

Tenants knows the tree operator > reseller > tenant, people with their roles, sessions and keys, brand, quotas, and the
audience: contacts, lists, imports and suppressions. It never sends anything and never speaks of money. Every room above
may call it; it announces what changes in the tree and in the audience.
"""

from __future__ import annotations

from posthouse.platform.db import transaction
from posthouse.platform.jobs import PeriodicJob
from posthouse.platform.manifest import Room
from posthouse.platform.scope import Scope
from posthouse.tenants.people import signin
from posthouse.tenants.permissions import PERMISSIONS


def _forget_sessions(scope: Scope) -> None:
    with transaction(scope):
        signin.forget_ended_sessions(scope)


ROOM = Room(
    name="tenants",
    models=[
        "posthouse.tenants.accounts.models",
        "posthouse.tenants.brand.models",
        "posthouse.tenants.keys.models",
        "posthouse.tenants.people.models",
    ],
    permissions=PERMISSIONS,
    periodic=[PeriodicJob("tenants.forget_sessions", _forget_sessions, every_seconds=3600)],
)
