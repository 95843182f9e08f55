"""What an account may still do, for the meter that home and plan share."""

from __future__ import annotations

from typing import Any

from posthouse.platform.permissions import holds
from posthouse.platform.scope import Scope
from posthouse.sending import permissions as sending
from posthouse.sending.delivery.holds import list_holds
from posthouse.tenants.quotas import allowances, permissions, queries


def meters(scope: Scope) -> dict[str, Any]:
    """Gather messages per period, contacts, which limit binds first, and what holds mail now."""
    if not holds(scope, permissions.READ):
        return {"quota": [], "tightest": None, "kept": None, "held": []}
    quota = queries.state(scope)
    return {
        "quota": quota,
        "tightest": queries.tightest(quota),
        "kept": allowances.contacts(scope),
        "held": list_holds(scope) if holds(scope, sending.READ_CAMPAIGNS) else [],
    }
