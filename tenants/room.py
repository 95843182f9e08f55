"""Who is this, whose are they, what may they do, and whom do they write to?

Tenants knows the tree operator > reseller > tenant, people with their roles, sessions and keys, brand, quotas, and the
audience: contacts, lists, imports and suppressions. It never sends anything and never speaks of money. Every room above
may call it; it announces what changes in the tree and in the audience.
"""

from __future__ import annotations

from posthouse.platform.db import transaction
from posthouse.platform.events import Handler
from posthouse.platform.jobs import Job, PeriodicJob
from posthouse.platform.manifest import Room
from posthouse.platform.scope import Scope
from posthouse.tenants import permissions
from posthouse.tenants.events import AddressSuppressed
from posthouse.tenants.imports import services as imports
from posthouse.tenants.imports.jobs import import_contacts
from posthouse.tenants.lists import jobs as lists
from posthouse.tenants.people import signin
from posthouse.tenants.people.first_run import make_first_operator
from posthouse.tenants.quotas import permissions as quotas


def _forget_sessions(scope: Scope) -> None:
    with transaction(scope):
        signin.forget_ended_sessions(scope)


ROOM = Room(
    name="tenants",
    models=[
        "posthouse.tenants.accounts.models",
        "posthouse.tenants.brand.models",
        "posthouse.tenants.contacts.models",
        "posthouse.tenants.imports.models",
        "posthouse.tenants.keys.models",
        "posthouse.tenants.lists.models",
        "posthouse.tenants.people.models",
        "posthouse.tenants.quotas.models",
        "posthouse.tenants.suppressions.models",
    ],
    permissions=[*permissions.PERMISSIONS, *permissions.AUDIENCE, *quotas.PERMISSIONS],
    jobs=[Job(imports.RUN, import_contacts, timeout_seconds=3600)],
    handlers=[Handler(AddressSuppressed, "lists", lists.mark_suppressed, run_all=lists.mark_all_suppressed)],
    first_runs=[make_first_operator],
    periodic=[PeriodicJob("tenants.forget_sessions", _forget_sessions, every_seconds=3600), *lists.PERIODIC],
)
