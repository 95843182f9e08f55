"""What the homes of reseller and operator show."""

from __future__ import annotations

from typing import Any

from flask import request

from posthouse.inbound.spool.queries import count_waiting
from posthouse.platform import health
from posthouse.platform.app import settings
from posthouse.platform.db import transaction
from posthouse.platform.permissions import holds
from posthouse.platform.scope import Scope
from posthouse.sending.delivery.health import lanes
from posthouse.sending.standing import queries as standings
from posthouse.sending.standing.permissions import FLOORS, MANAGE
from posthouse.sending.volumes import queries as volumes
from posthouse.sending.volumes.queries import Volume
from posthouse.tenants import permissions
from posthouse.tenants.accounts import queries as accounts
from posthouse.webui.pages import standing

QUEUES = ("jobs", "marketing", "transactional", "webhooks")
SPOOL_COUNTED = 1_000


def lines_values(scope: Scope) -> dict[str, Any]:
    """Gather a reseller's tenants in the order that the address asks for."""
    order = standing.read_order(request.args.get("sort", ""), request.args.get("dir", ""))
    with transaction(scope):
        lines = standing.gather(scope) if holds(scope, permissions.READ_TENANTS) else []
        fallen = standings.list_standings(scope) if holds(scope, MANAGE) else []
    total = [Volume(*(sum(getattr(getattr(one, span), name) for one in lines) for name in _FIELDS)) for span in ("week", "month")]
    sorted_lines = standing.sort(lines, order)
    return {
        "lines": sorted_lines, "order": order, "rising": standing.RISING, "week": total[0], "month": total[1], "standings": fallen
    }  # fmt: skip


_FIELDS = ("sent", "failed", "bounced", "complained", "unsubscribed")


def operator_values(scope: Scope) -> dict[str, Any]:
    """Gather how the installation does, and its resellers with their volumes."""
    if not holds(scope, permissions.READ_INSTALLATION):
        return {"standings": [], "health": None, "lanes": [], "spool": None, "resellers": [], "week": {}, "month": {}, "nothing": Volume()}
    with transaction(scope):
        return {
            "standings": standings.list_standings(scope) if holds(scope, FLOORS) else [],
            "health": health.look(scope, QUEUES),
            "lanes": lanes(scope),
            "spool": _spool(),
            "resellers": accounts.list_resellers(scope),
            "week": volumes.by_reseller(scope, days=7),
            "month": volumes.by_reseller(scope, days=30),
            "nothing": Volume(),
        }


def _spool() -> int | None:
    """Count mail that came in and waits, None where this machine holds no spool."""
    try:
        return count_waiting(settings().data / "spool", up_to=SPOOL_COUNTED)
    except OSError:
        return None
