"""Makes the quota ledger (limits, windows and entries, the same three tables at operator, reseller and tenant) and standing allowances."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import sqlalchemy as sa
from alembic import op

from posthouse.platform.schema import (
    EVERYTHING,
    Grants,
    Index,
    drop_lookups,
    drop_tables,
    lookup_function,
    platform_table,
    reseller_table,
    tenant_table,
)

revision = "0004_quotas"
down_revision = "0003_audience"

_WHEN = sa.DateTime(timezone=True)
_PERIODS = ("period", "period IN ('month', 'day', 'hour')")
_MADE_BY_WORK = Grants(app="select, insert, update", worker="select, insert, update")


def upgrade() -> None:
    """Create what this revision names."""
    _ledger("operator", _platform, limit=Grants(worker="select", operator=EVERYTHING))
    _ledger("reseller", reseller_table, limit=Grants(app="select", worker="select", operator=EVERYTHING))
    _ledger("tenant", _tenant, limit=Grants(app=EVERYTHING, worker=EVERYTHING, lookup="select"))
    _standing()
    _overview()


def _platform(name: str, *columns: sa.Column[object], **more: object) -> None:
    platform_table(name, *columns, **more)  # type: ignore[arg-type]


def _tenant(name: str, *columns: sa.Column[object], **more: object) -> None:
    tenant_table(name, *columns, anchored=False, **more)  # type: ignore[arg-type]


def _ledger(layer: str, make: Callable[..., None], *, limit: Grants) -> None:
    operator = "select, insert, update" if layer != "tenant" else ""
    window = Grants(app=_MADE_BY_WORK.app if layer == "tenant" else _select_above(layer), worker=_MADE_BY_WORK.worker, operator=operator)
    if layer == "tenant":
        window = replace(window, lookup="select")
    make(
        f"{layer}_quota_limit",
        _period(),
        sa.Column("allowed", sa.BigInteger, nullable=False),
        checks=[_PERIODS, ("allowed", "allowed >= 0")],
        grants=limit,
        with_id=False,
    )
    # `allowed` null: no limit, but counted. `ceiling` is `allowed`, or what was taken already when the limit was lowered
    # below it: nothing new is granted then, and what was granted may still be used.
    make(
        f"{layer}_quota_window",
        _period(),
        sa.Column("starts_at", _WHEN, nullable=False, primary_key=True),
        sa.Column("allowed", sa.BigInteger),
        sa.Column("ceiling", sa.BigInteger),
        sa.Column("reserved", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("used", sa.BigInteger, nullable=False, server_default="0"),
        checks=[_PERIODS, ("never_over", "reserved >= 0 AND used >= 0 AND used + reserved <= ceiling")],
        grants=window,
        with_id=False,
        storage="fillfactor = 20",
    )
    make(
        f"{layer}_quota_entry",
        sa.Column("lease_id", sa.BigInteger, nullable=False, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False, primary_key=True),
        sa.Column("reserved", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("used", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("released", sa.BigInteger, nullable=False, server_default="0"),
        *_starts(),
        sa.Column("at", _WHEN, nullable=False),
        checks=[("kind", "kind IN ('reserve', 'settle')"), ("amounts", "reserved >= 0 AND used >= 0 AND released >= 0")],
        indexes=[Index(("hour_at",))],
        # Append-only: no role may change or delete an entry.
        grants=Grants(worker="select, insert", operator="select" if layer != "tenant" else ""),
        with_id=False,
    )


def _standing() -> None:
    """Keep what a tenant is allowed at any time rather than per period, and count its contacts as they come and go."""
    tenant_table(
        "tenant_allowance",
        sa.Column("weight", sa.Integer, nullable=False, server_default="1"),
        sa.Column("contacts", sa.BigInteger),
        # Which plan it is that gives all this, for whoever has something by plan; null: none ever did.
        sa.Column("plan_id", sa.BigInteger),
        sa.Column("contacts_stored", sa.BigInteger, nullable=False, server_default="0"),
        checks=[("weight", "weight BETWEEN 1 AND 1000"), ("contacts", "contacts >= 0"), ("stored", "contacts_stored >= 0")],
        grants=replace(_MADE_BY_WORK, lookup="select"),
        anchored=False,
        with_id=False,
        storage="fillfactor = 20",
    )
    for event, sign, table in (("INSERT", "", "NEW"), ("DELETE", "-", "OLD")):
        name = f"contact_counted_{event.lower()}"
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $function$ BEGIN"
            " INSERT INTO tenant_allowance AS a (tenant_id, contacts_stored) SELECT m.tenant_id, 0 FROM moved m GROUP BY m.tenant_id"
            " ORDER BY m.tenant_id ON CONFLICT (tenant_id) DO NOTHING;"
            f" UPDATE tenant_allowance a SET contacts_stored = a.contacts_stored + m.number"
            f" FROM (SELECT tenant_id, {sign}count(*) AS number FROM moved GROUP BY tenant_id) m WHERE a.tenant_id = m.tenant_id;"
            " RETURN NULL; END $function$"
        )
        op.execute(
            f"CREATE TRIGGER {name} AFTER {event} ON contact REFERENCING {table} TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )


def _overview() -> None:
    """Let a reseller see how much each of its tenants has used, without going into each: its own by the transaction's context, and no tenant."""
    lookup_function(
        "quota_overview(p_month timestamptz)",
        returns="TABLE (o_tenant_id bigint, used bigint, allowed bigint, contacts_stored bigint, contacts bigint)",
        body=(
            "SELECT t.id, coalesce(w.used + w.reserved, 0), l.allowed, coalesce(a.contacts_stored, 0), a.contacts FROM tenant t"
            " LEFT JOIN tenant_quota_window w ON w.tenant_id = t.id AND w.period = 'month' AND w.starts_at = p_month"
            " LEFT JOIN tenant_quota_limit l ON l.tenant_id = t.id AND l.period = 'month'"
            " LEFT JOIN tenant_allowance a ON a.tenant_id = t.id"
            " WHERE t.reseller_id = nullif(current_setting('posthouse.reseller_id', true), '')::bigint"
            " AND nullif(current_setting('posthouse.tenant_id', true), '') IS NULL"
        ),
        callers=("app", "worker"),
    )


def _select_above(layer: str) -> str:
    return "select" if layer == "reseller" else ""


def _period() -> sa.Column[object]:
    return sa.Column("period", sa.Text, nullable=False, primary_key=True)


def _starts() -> Sequence[sa.Column[object]]:
    return [sa.Column(f"{period}_at", _WHEN, nullable=False) for period in ("month", "day", "hour")]


def downgrade() -> None:
    """Drop what this revision names."""
    drop_lookups("quota_overview(timestamptz)")
    for event in ("insert", "delete"):
        op.execute(f"DROP TRIGGER contact_counted_{event} ON contact")
        op.execute(f"DROP FUNCTION contact_counted_{event}()")
    drop_tables("tenant_allowance")
    for layer in ("tenant", "reseller", "operator"):
        drop_tables(*(f"{layer}_quota_{part}" for part in ("entry", "window", "limit")))
