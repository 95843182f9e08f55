"""Makes what is known of each route: its warm-up, what it may carry and carried, what receivers answered; and mailbox providers."""

import sqlalchemy as sa

from posthouse.platform.schema import (
    EVERYTHING,
    Grants,
    Index,
    drop_lookups,
    drop_tables,
    lookup_function,
    platform_table,
    tenant_table,
)

revision = "0008_routes"
down_revision = "0007_delivery"

_WHEN = sa.DateTime(timezone=True)
_COMPARED = sa.Text(collation="C")


def upgrade() -> None:
    """Create what this revision names."""
    _warmups()
    _rates()
    _answers()
    _ceilings()
    _mailboxes()


def _warmups() -> None:
    """Keep which routes warm, what a day allows and took by mailbox provider, and what leases hold of it."""
    platform_table(
        "warmup",
        _of_route(),
        sa.Column("stages", sa.ARRAY(sa.BigInteger), nullable=False),
        sa.Column("started_at", _WHEN, nullable=False),
        grants=Grants(app="select", worker="select", sched="select", operator=EVERYTHING, lookup="select"),
        with_id=False,
    )
    platform_table(
        "warmup_day",
        _of_route(),
        sa.Column("domain_group", sa.Text, nullable=False, primary_key=True),
        sa.Column("day", sa.Date, nullable=False, primary_key=True),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("allowed", sa.BigInteger),
        sa.Column("used", sa.BigInteger, nullable=False, server_default="0"),
        checks=[("used", "used >= 0 AND (allowed IS NULL OR used <= allowed)")],
        grants=Grants(worker="select, insert, update", operator=EVERYTHING, lookup="select"),
        with_id=False,
        storage="fillfactor = 50",
    )
    tenant_table(
        "warmup_hold",
        sa.Column("lease_id", sa.BigInteger, nullable=False, primary_key=True),
        sa.Column("route_id", sa.BigInteger, nullable=False, primary_key=True),
        sa.Column("domain_group", sa.Text, nullable=False, primary_key=True),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("amount", sa.Integer, nullable=False),
        grants=Grants(worker="select, insert, delete"),
        anchored=False,
        with_id=False,
    )


def _rates() -> None:
    """Keep what routes may do, to everybody or to one provider's recipients; what was taken of that; and what rests."""
    count = [sa.Column(name, sa.Integer) for name in ("per_second", "per_minute", "per_hour", "per_day")]
    most = [sa.Column(name, sa.Integer) for name in ("connections", "messages_per_connection", "most_bytes")]
    platform_table(
        "route_limit",
        *_part(),
        *count,
        *most,
        checks=[("sizes", " AND ".join(f"coalesce({one.name}, 1) > 0" for one in [*count, *most]))],
        grants=Grants(worker="select", operator=EVERYTHING, lookup="select"),
        with_id=False,
    )
    platform_table(
        "route_spent",
        *_part(),
        sa.Column("period", sa.Text, nullable=False, primary_key=True),
        sa.Column("bucket", _WHEN, nullable=False, primary_key=True),
        sa.Column("used", sa.Integer, nullable=False),
        checks=[("used", "used >= 0"), ("period", "period IN ('hour', 'day')")],
        grants=Grants(worker="select, insert, update, delete", operator="select", lookup="select"),
        with_id=False,
        storage="fillfactor = 50",
    )
    platform_table(
        "route_hold",
        *_part(),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("since", _WHEN, nullable=False),
        sa.Column("until", _WHEN, nullable=False),
        sa.Column("next_at", _WHEN),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("said", sa.Text, nullable=False, server_default=""),
        grants=Grants(app='select (route_id, domain_group, "by", "until")', worker=EVERYTHING, operator="select, delete"),
        with_id=False,
        storage="fillfactor = 50",
    )
    platform_table(
        "route_use",
        *_part(),
        sa.Column("worker", sa.Text, nullable=False, primary_key=True),
        sa.Column("stream", sa.Text, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("held", "wanted", "connections")),
        sa.Column("until", _WHEN, nullable=False),
        grants=Grants(worker=EVERYTHING, operator="select"),
        with_id=False,
        storage="fillfactor = 50",
    )


def _answers() -> None:
    """Keep what servers answered by each route for a day: how often, minute by minute, and in which words they put off or refused."""
    counts = ("sent", "deferred", "refused", "lost")
    platform_table(
        "route_tally",
        _of_route(),
        sa.Column("minute", _WHEN, nullable=False, primary_key=True),
        *(sa.Column(name, sa.Integer, nullable=False) for name in counts),
        grants=Grants(worker=EVERYTHING, operator="select"),
        with_id=False,
        storage="fillfactor = 50",
    )
    platform_table(
        "route_reply",
        *_part(),
        sa.Column("code", sa.SmallInteger, nullable=False, primary_key=True),
        sa.Column("shape", sa.Text, nullable=False, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("first_at", _WHEN, nullable=False),
        sa.Column("last_at", _WHEN, nullable=False),
        grants=Grants(worker=EVERYTHING, operator="select"),
        with_id=False,
        storage="fillfactor = 50",
    )


def _ceilings() -> None:
    """Let forecasts ask what a pool's live routes may do, without names, sign-ins or whose mail it was."""
    lookup_function(
        "sending_pool_routes(p_pool bigint, p_at timestamptz)",
        returns="TABLE (o_stages bigint[], o_limits jsonb, o_spent jsonb, o_days jsonb)",
        body=_POOL_ROUTES,
        callers=("app", "worker"),
    )


# Where all routes of a pool are being warmed, the warm ones of its overflow pool carry the rest (`pools.queries.open_routes`).
_POOL_ROUTES = """
  WITH opened AS (
    SELECT r.id, r.pool_id, w.stages FROM route r JOIN pool p ON p.id = r.pool_id LEFT JOIN warmup w ON w.route_id = r.id
     WHERE r.state = 'active' AND p.state = 'active'
       AND (r.pool_id = p_pool OR r.pool_id = (SELECT o.overflow_pool_id FROM pool o WHERE o.id = p_pool))
  ), own AS (SELECT o.id, o.stages FROM opened o WHERE o.pool_id = p_pool),
  live AS (
    SELECT own.id, own.stages FROM own
    UNION ALL
    SELECT o.id, o.stages FROM opened o WHERE o.pool_id <> p_pool AND o.stages IS NULL
       AND EXISTS (SELECT FROM own) AND NOT EXISTS (SELECT FROM own WHERE own.stages IS NULL)
  )
  SELECT l.stages,
    (SELECT jsonb_agg(jsonb_build_array(t.domain_group, t.per_second, t.per_minute, t.per_hour, t.per_day))
       FROM route_limit t WHERE t.route_id = l.id),
    (SELECT jsonb_agg(jsonb_build_array(s.domain_group, s.period, extract(epoch FROM s.bucket)::bigint, s.used))
       FROM route_spent s WHERE s.route_id = l.id AND s.used > 0 AND s.bucket >= p_at - interval '25 hours'),
    (SELECT jsonb_agg(jsonb_build_array(d.domain_group, d.day, d.stage, d.allowed, d.used)) FROM (
       SELECT DISTINCT ON (w.domain_group) w.domain_group, w.day, w.stage, w.allowed, w.used FROM warmup_day w
        WHERE w.route_id = l.id AND w.day <= (p_at AT TIME ZONE 'UTC')::date ORDER BY w.domain_group, w.day DESC) d)
  FROM live l
"""


def _mailboxes() -> None:
    """Keep mailbox providers as the operator wants them, and which servers take the mail of domains."""
    platform_table(
        "mailbox_group",
        sa.Column("key", sa.Text, nullable=False, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("domains", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("mx", sa.ARRAY(sa.Text), nullable=False),
        grants=Grants(app="select", worker="select", operator=EVERYTHING),
        with_id=False,
    )
    platform_table(
        "mailbox_domain",
        sa.Column("domain", _COMPARED, nullable=False, primary_key=True),
        sa.Column("mx", sa.Text, nullable=False, server_default=""),
        sa.Column("asked_at", _WHEN, nullable=False),
        sa.Column("looked_at", _WHEN),
        indexes=[Index(("looked_at", "asked_at"))],
        grants=Grants(app="select (domain, mx)", worker="select, insert, update", operator="select"),
        with_id=False,
    )


def _part() -> tuple[sa.Column[object], ...]:
    return _of_route(), sa.Column("domain_group", sa.Text, nullable=False, primary_key=True)


def _of_route() -> sa.Column[object]:
    return sa.Column("route_id", sa.BigInteger, sa.ForeignKey("route.id", ondelete="CASCADE"), nullable=False, primary_key=True)


def downgrade() -> None:
    """Drop what this revision names."""
    drop_tables("mailbox_domain", "mailbox_group")
    drop_lookups("sending_pool_routes(bigint, timestamptz)")
    drop_tables("route_reply", "route_tally", "route_use", "route_hold", "route_spent", "route_limit")
    drop_tables("warmup_hold", "warmup_day", "warmup")
