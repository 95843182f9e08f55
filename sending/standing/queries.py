"""Read standings, the figures behind them, and the limits that apply."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Reach, Scope
from posthouse.sending import permissions as sending
from posthouse.sending.standing import permissions, rules
from posthouse.sending.standing.rules import Figures, Grade, Limits, Measure

_COUNTED_FROM = (
    "(SELECT s.counted_from FROM standing s WHERE s.reseller_id = :reseller AND s.for_tenant_id = :tenant AND s.stream = :stream)"
)
_SUMS = ", ".join(
    f"coalesce(sum({column}) FILTER (WHERE bucket >= :{window}), 0) AS {window}_{column}"
    for window in rules.WINDOWS
    for column in ("sent", "bounces", "complaints")
)
_FIGURES = sa.text(
    f"SELECT {_SUMS} FROM standing_count WHERE tenant_id = :tenant AND stream = :stream"
    f" AND bucket >= :oldest AND coalesce(bucket > {_COUNTED_FROM}, true)"
)
_GRADES = sa.text("SELECT stream, grade FROM standing WHERE reseller_id = :reseller AND for_tenant_id = :tenant")
_CARDS = (
    'SELECT for_tenant_id AS tenant_id, {name} AS tenant, s.stream, s.grade, s.measure, s."window", s.events, s.sent, s.since, s.note'
    " FROM standing s{join} WHERE {which} ORDER BY s.since DESC"
)
_OTHERS = " JOIN tenant t ON t.reseller_id = s.reseller_id AND t.id = s.for_tenant_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingCard:
    """How a tenant stands on a stream, and by what figures it came to that."""

    tenant_id: int
    tenant: str
    stream: str
    grade: str
    measure: str
    window: str
    events: int
    sent: int
    since: datetime
    note: str

    @property
    def lasts(self) -> bool:
        """Whether only a person ends it."""
        return rules.grade_of(self.grade).lasts


def figures(scope: Scope, *, stream: str) -> dict[str, Figures]:
    """Return the tenant's figures by window, as far as they count."""
    now = clock.now()
    begins = {window: now - length for window, length in rules.WINDOWS.items()}
    values = {"tenant": scope.tenant, "reseller": scope.reseller, "stream": stream, "oldest": min(begins.values()), **begins}
    row = session(scope).execute(_FIGURES, values).mappings().one()
    return {
        window: Figures(sent=int(row[f"{window}_sent"]), bounces=int(row[f"{window}_bounces"]), complaints=int(row[f"{window}_complaints"]))
        for window in rules.WINDOWS
    }


def floors(scope: Scope) -> dict[tuple[Measure, Grade], int]:
    """Return the operator's shares."""
    return _shares(scope, "standing_limit")


def limits(scope: Scope) -> Limits:
    """Return what applies: the operator's limits, and the reseller's where they are stricter."""
    return rules.strictest(floors(scope), own_limits(scope))


def own_limits(scope: Scope) -> dict[tuple[Measure, Grade], int]:
    """Return the reseller's own shares; none for the operator."""
    return {} if scope.reseller_id is None else _shares(scope, "reseller_standing_limit")


def _shares(scope: Scope, table: str) -> dict[tuple[Measure, Grade], int]:
    rows = session(scope).execute(sa.text(f"SELECT measure, grade, share FROM {table}"))
    return {(Measure(row.measure), rules.grade_of(row.grade)): row.share for row in rows}


def grade(scope: Scope, *, stream: str) -> Grade:
    """Return how the tenant stands for a stream: one that is suspended on the other one is so here too."""
    rows = session(scope).execute(_GRADES, {"tenant": scope.tenant, "reseller": scope.reseller})
    return rules.grade_for(stream, [f"{row.stream}:{row.grade}" for row in rows])


def own_standing(scope: Scope) -> list[StandingCard]:
    """Return how the tenant stands, by stream; a stream that it stands well on is left out."""
    require(scope, sending.READ_CAMPAIGNS)
    query = _CARDS.format(name="''", join="", which="s.reseller_id = :reseller AND s.for_tenant_id = :tenant AND s.grade <> 'well'")
    rows = session(scope).execute(sa.text(query), {"tenant": scope.tenant, "reseller": scope.reseller}).mappings()
    return [StandingCard(**row) for row in rows]


def list_standings(scope: Scope) -> list[StandingCard]:
    """List the tenants that don't stand well: the reseller's, or everybody's for the operator."""
    require(scope, permissions.MANAGE if scope.reach is Reach.RESELLER else permissions.FLOORS)
    rows = session(scope).execute(sa.text(_CARDS.format(name="t.name", join=_OTHERS, which="s.grade <> 'well'"))).mappings()
    return [StandingCard(**row) for row in rows]
