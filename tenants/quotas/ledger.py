"""The statements of the ledger, one set for each layer; the only SQL that changes windows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from posthouse.platform.db import session
from posthouse.platform.scope import Scope
from posthouse.platform.statements import rows
from posthouse.tenants.quotas.rules import Layer, Period, Window, window_start


@dataclass(frozen=True, slots=True)
class Statements:
    """One layer's statements."""

    make: sa.TextClause
    limit: sa.TextClause
    unlimit: sa.TextClause
    resize: sa.TextClause
    read: sa.TextClause


_KEYS = "(('day', CAST(:day AS timestamptz)), ('hour', CAST(:hour AS timestamptz)), ('month', CAST(:month AS timestamptz)))"


def _statements(layer: Layer) -> Statements:
    owner = "" if layer is Layer.OPERATOR else f"{layer}_id, "
    value = "" if layer is Layer.OPERATOR else ":owner, "
    mine = "" if layer is Layer.OPERATOR else f"{layer}_id = :owner AND "
    window, limit = f"{layer}_quota_window", f"{layer}_quota_limit"
    allowed = f"(SELECT allowed FROM {limit} WHERE {mine}period = k.period)"
    return Statements(
        make=sa.text(
            f"INSERT INTO {window} ({owner}period, starts_at, allowed, ceiling)"
            f" SELECT {value}k.period, k.starts_at, {allowed}, {allowed} FROM (VALUES {_KEYS[1:-1]}) AS k (period, starts_at)"
            " ORDER BY k.period ON CONFLICT DO NOTHING"
        ),
        limit=sa.text(
            f"INSERT INTO {limit} ({owner}period, allowed) VALUES ({value}:period, :allowed)"
            f" ON CONFLICT ({owner}period) DO UPDATE SET allowed = excluded.allowed"
        ),
        unlimit=sa.text(f"DELETE FROM {limit} WHERE {mine}period = :period"),
        resize=sa.text(
            f"UPDATE {window} SET allowed = CAST(:allowed AS bigint), ceiling = greatest(CAST(:allowed AS bigint),"
            " CASE WHEN CAST(:allowed AS bigint) IS NOT NULL THEN used + reserved END)"
            f" WHERE {mine}period = :period AND starts_at = :starts_at"
        ),
        read=sa.text(
            f"SELECT k.period, k.starts_at, CASE WHEN w.period IS NULL THEN {allowed} ELSE w.allowed END AS allowed,"
            " coalesce(w.reserved, 0) AS reserved, coalesce(w.used, 0) AS used"
            f" FROM (VALUES {_KEYS[1:-1]}) AS k (period, starts_at)"
            f" LEFT JOIN {window} AS w ON {mine.replace(f'{layer}_id', f'w.{layer}_id')}w.period = k.period AND w.starts_at = k.starts_at"
        ),
    )


STATEMENTS = {layer: _statements(layer) for layer in Layer}


# --- once a lease, all layers at once --------------------------------------------------------------------------------
# Rows are locked layer by layer in one fixed order, and by the statement before the one that changes them: the order in
# which PostgreSQL carries out the parts of a changing statement is not promised.

_PERIODS = "(VALUES ('day', {0}.day_at), ('hour', {0}.hour_at), ('month', {0}.month_at)) AS k (period, starts_at)"
_AT = (
    "(period, starts_at) IN (('day', CAST(%(day)s AS timestamptz)), ('hour', CAST(%(hour)s AS timestamptz)),"
    " ('month', CAST(%(month)s AS timestamptz)))"
)
_STARTS = "month_at, day_at, hour_at"


def _mine(layer: Layer, alias: str = "") -> str:
    return "true" if layer is Layer.OPERATOR else f"{alias}{layer}_id = %({layer})s"


def _owned(layer: Layer) -> tuple[str, str]:
    return ("", "") if layer is Layer.OPERATOR else (f"{layer}_id, ", f"%({layer})s, ")


def _lock() -> str:
    # Nothing is locked while a window is missing: whoever makes it must hold no lock that comes after it in the order.
    there = " + ".join(f"(SELECT count(*) FROM {layer}_quota_window WHERE {_mine(layer)} AND {_AT})" for layer in Layer)
    parts = [
        f"{layer}_locked AS MATERIALIZED (SELECT '{layer}' AS layer, period, starts_at, allowed, reserved, used FROM {layer}_quota_window"
        f" WHERE {_mine(layer)} AND {_AT} AND (SELECT n FROM there) = 9 ORDER BY period, starts_at FOR UPDATE)"
        for layer in Layer
    ]
    union = " UNION ALL ".join(f"SELECT * FROM {layer}_locked" for layer in Layer)
    return f"WITH there AS MATERIALIZED (SELECT {there} AS n), {', '.join(parts)} {union}"


def _reserve() -> str:
    parts = []
    for layer in Layer:
        name, value = _owned(layer)
        parts += [
            f"{layer}_taken AS (UPDATE {layer}_quota_window SET reserved = reserved + %(amount)s WHERE {_mine(layer)} AND {_AT})",
            (
                f"{layer}_noted AS (INSERT INTO {layer}_quota_entry ({name}lease_id, kind, reserved, {_STARTS}, at)"
                f" VALUES ({value}%(lease)s, 'reserve', %(amount)s, %(month)s, %(day)s, %(hour)s, %(at)s))"
            ),
        ]
    return f"WITH {', '.join(parts)} SELECT 1"


def _lock_again() -> str:
    parts = [
        f"{layer}_locked AS MATERIALIZED (SELECT w.period FROM {layer}_quota_entry e CROSS JOIN LATERAL {_PERIODS.format('e')}"
        f" JOIN {layer}_quota_window w ON {_mine(layer, 'w.')} AND w.period = k.period AND w.starts_at = k.starts_at"
        f" WHERE {_mine(layer, 'e.')} AND e.lease_id = %(lease)s AND e.kind = 'reserve' ORDER BY w.period FOR UPDATE OF w)"
        for layer in Layer
    ]
    return f"WITH {', '.join(parts)} {' UNION ALL '.join(f'SELECT period FROM {layer}_locked' for layer in Layer)}"


def _settle() -> str:
    parts = []
    for layer in Layer:
        name, _ = _owned(layer)
        parts += [
            (
                f"{layer}_settled AS (INSERT INTO {layer}_quota_entry ({name}lease_id, kind, used, released, {_STARTS}, at)"
                f" SELECT {name}lease_id, 'settle', %(used)s, reserved - %(used)s, {_STARTS}, %(at)s FROM {layer}_quota_entry"
                f" WHERE {_mine(layer)} AND lease_id = %(lease)s AND kind = 'reserve'"
                f" ON CONFLICT DO NOTHING RETURNING used, used + released AS amount, {_STARTS})"
            ),
            (
                f"{layer}_put_back AS (UPDATE {layer}_quota_window w SET reserved = w.reserved - s.amount, used = w.used + s.used"
                f" FROM {layer}_settled s CROSS JOIN LATERAL {_PERIODS.format('s')}"
                f" WHERE {_mine(layer, 'w.')} AND w.period = k.period AND w.starts_at = k.starts_at)"
            ),
        ]
    return f"WITH {', '.join(parts)} SELECT {' + '.join(f'(SELECT count(*) FROM {layer}_settled)' for layer in Layer)} AS settled"


LOCK, RESERVE, LOCK_AGAIN, SETTLE = _lock(), _reserve(), _lock_again(), _settle()


def starts(at: datetime) -> dict[str, datetime]:
    """Return the starts of the windows that `at` falls in, by period."""
    return {period.value: window_start(period, at) for period in Period}


def lock_windows(scope: Scope, at: datetime) -> list[Window]:
    """Lock the nine windows of installation, reseller and tenant, making those that are missing, and return their state."""
    values: dict[str, Any] = {"reseller": scope.reseller, "tenant": scope.tenant, **starts(at)}
    found = rows(scope, LOCK, values)
    if not found:
        for layer, owner in owners(scope):
            session(scope).execute(STATEMENTS[layer].make, {"owner": owner, **starts(at)})
        found = rows(scope, LOCK, values)
    if len(found) != len(Layer) * len(Period):
        raise RuntimeError("a quota window is missing: nothing may be granted")
    return [Window(Layer(row.layer), Period(row.period), row.starts_at, row.allowed, row.reserved, row.used) for row in found]


def owners(scope: Scope) -> list[tuple[Layer, int | None]]:
    """Return whose limits bind a tenant's mail, in the order in which they are locked."""
    return [(Layer.OPERATOR, None), (Layer.RESELLER, scope.reseller), (Layer.TENANT, scope.tenant)]


def read_windows(live: Session, layer: Layer, owner: int | None, at: datetime) -> list[Window]:
    """Return the state of a layer's three windows without a lock; a window that nobody used yet is shown empty."""
    found = live.execute(STATEMENTS[layer].read, {"owner": owner, **starts(at)})
    return [Window(layer, Period(row.period), row.starts_at, row.allowed, row.reserved, row.used) for row in found]
