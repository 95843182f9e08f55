"""Reads volumes by day from the folded figures and the few tallies that wait to be folded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants.permissions import READ_INSTALLATION, READ_TENANTS

_FIELDS = ("sent", "failed", "bounced", "complained", "unsubscribed")
_FOLDED = ", ".join(f"sum({kind}) AS {kind}" for kind in _FIELDS)
_WAITING = ", ".join(f"coalesce(sum(count) FILTER (WHERE kind = '{kind}'), 0) AS {kind}" for kind in _FIELDS)
_SUMS = (
    f"SELECT {{owner}}, {_FOLDED} FROM (SELECT reseller_id, for_tenant_id, {', '.join(_FIELDS)} FROM tenant_day WHERE day >= :since{{mine}}"
    f" UNION ALL SELECT reseller_id, for_tenant_id, {_WAITING} FROM tenant_tally WHERE day >= :since{{mine}} GROUP BY 1, 2) AS d GROUP BY 1"
)
_BY_TENANT = sa.text(_SUMS.format(owner="for_tenant_id", mine=" AND reseller_id = :reseller"))
_BY_RESELLER = sa.text(_SUMS.format(owner="reseller_id", mine=""))


@dataclass(frozen=True, slots=True)
class Volume:
    """What became of messages. `sent` were taken by the receiving server, of which `bounced` came back; `failed` were refused at once."""

    sent: int = 0
    failed: int = 0
    bounced: int = 0
    complained: int = 0
    unsubscribed: int = 0

    @property
    def tried(self) -> int:
        """How many have left or were refused."""
        return self.sent + self.failed

    @property
    def delivered(self) -> int:
        """How many were taken and did not come back."""
        return max(0, self.sent - self.bounced)

    @property
    def lost(self) -> int:
        """How many did not arrive: refused at once, or come back."""
        return self.failed + self.bounced


def first_day(days: int, now: datetime) -> date:
    """Return the first of the last so many days in UTC, today included."""
    return (now - timedelta(days=days - 1)).date()


def by_tenant(scope: Scope, *, days: int) -> dict[int, Volume]:
    """Return the volume of each of the reseller's tenants in the last so many days (UTC, today included); who sent nothing is left out."""
    require(scope, READ_TENANTS)
    rows = session(scope).execute(_BY_TENANT, {"since": first_day(days, clock.now()), "reseller": scope.reseller})
    return {row[0]: Volume(*(int(value) for value in row[1:])) for row in rows}


def by_reseller(scope: Scope, *, days: int) -> dict[int, Volume]:
    """Return the volume of each reseller, for the operator, as `by_tenant`."""
    require(scope, READ_INSTALLATION)
    rows = session(scope).execute(_BY_RESELLER, {"since": first_day(days, clock.now())})
    return {row[0]: Volume(*(int(value) for value in row[1:])) for row in rows}
