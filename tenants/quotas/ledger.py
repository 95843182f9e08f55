"""The statements of the ledger, one set for each layer; the only SQL that changes windows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from posthouse.tenants.quotas.rules import Layer, Period, Window, window_start

# All takers lock a layer's windows in this order.
_ORDER = (Period.DAY, Period.HOUR, Period.MONTH)


@dataclass(frozen=True, slots=True)
class Statements:
    """One layer's statements."""

    make: sa.TextClause
    lock: sa.TextClause
    reserve: sa.TextClause
    settle: sa.TextClause
    put_back: sa.TextClause
    limit: sa.TextClause
    unlimit: sa.TextClause
    resize: sa.TextClause
    read: sa.TextClause


_KEYS = "(('day', CAST(:day AS timestamptz)), ('hour', CAST(:hour AS timestamptz)), ('month', CAST(:month AS timestamptz)))"


def _statements(layer: Layer) -> Statements:
    owner = "" if layer is Layer.OPERATOR else f"{layer}_id, "
    value = "" if layer is Layer.OPERATOR else ":owner, "
    mine = "" if layer is Layer.OPERATOR else f"{layer}_id = :owner AND "
    window, entry, limit = f"{layer}_quota_window", f"{layer}_quota_entry", f"{layer}_quota_limit"
    allowed = f"(SELECT allowed FROM {limit} WHERE {mine}period = k.period)"
    return Statements(
        make=sa.text(
            f"INSERT INTO {window} ({owner}period, starts_at, allowed, ceiling)"
            f" SELECT {value}k.period, k.starts_at, {allowed}, {allowed} FROM (VALUES {_KEYS[1:-1]}) AS k (period, starts_at)"
            " ORDER BY k.period ON CONFLICT DO NOTHING"
        ),
        lock=sa.text(
            f"SELECT period, starts_at, allowed, reserved, used FROM {window} WHERE {mine}(period, starts_at) IN {_KEYS}"
            " ORDER BY period, starts_at FOR UPDATE"
        ),
        reserve=sa.text(
            f"WITH taken AS (UPDATE {window} SET reserved = reserved + :amount WHERE {mine}(period, starts_at) IN {_KEYS})"
            f" INSERT INTO {entry} ({owner}lease_id, kind, reserved, month_at, day_at, hour_at, at)"
            f" VALUES ({value}:lease, 'reserve', :amount, :month, :day, :hour, :at)"
        ),
        settle=sa.text(
            f"INSERT INTO {entry} ({owner}lease_id, kind, used, released, month_at, day_at, hour_at, at)"
            f" SELECT {owner}lease_id, 'settle', :used, reserved - :used, month_at, day_at, hour_at, :at FROM {entry}"
            f" WHERE {mine}lease_id = :lease AND kind = 'reserve'"
            " ON CONFLICT DO NOTHING RETURNING used + released, month_at, day_at, hour_at"
        ),
        put_back=sa.text(
            f"WITH held AS MATERIALIZED (SELECT {owner}period, starts_at FROM {window} WHERE {mine}(period, starts_at) IN {_KEYS}"
            f" ORDER BY period, starts_at FOR UPDATE)"
            f" UPDATE {window} AS w SET reserved = w.reserved - :amount, used = w.used + :used FROM held"
            f" WHERE {mine.replace(f'{layer}_id', f'w.{layer}_id')}w.period = held.period AND w.starts_at = held.starts_at"
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


def starts(at: datetime) -> dict[str, datetime]:
    """Return the starts of the windows that `at` falls in, by period."""
    return {period.value: window_start(period, at) for period in Period}


def lock_windows(live: Session, layer: Layer, owner: int | None, at: datetime) -> list[Window]:
    """Lock a layer's three windows, making those that are missing, and return their state."""
    values: dict[str, Any] = {"owner": owner, **starts(at)}
    found = _windows(live, STATEMENTS[layer].lock, layer, values)
    if len(found) < len(_ORDER):
        live.execute(STATEMENTS[layer].make, values)
        found = _windows(live, STATEMENTS[layer].lock, layer, values)
    return found


def read_windows(live: Session, layer: Layer, owner: int | None, at: datetime) -> list[Window]:
    """Return the state of a layer's three windows without a lock; a window that nobody used yet is shown empty."""
    return _windows(live, STATEMENTS[layer].read, layer, {"owner": owner, **starts(at)})


def _windows(live: Session, statement: sa.TextClause, layer: Layer, values: dict[str, Any]) -> list[Window]:
    return [
        Window(layer, Period(row.period), row.starts_at, row.allowed, row.reserved, row.used) for row in live.execute(statement, values)
    ]
