"""Makes pools and routes, messages and their history, leases and lanes."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from posthouse.platform.schema import (
    EVERYTHING,
    Grants,
    Index,
    Ref,
    drop_lookups,
    drop_tables,
    lookup_function,
    platform_table,
    reseller_table,
    tenant_table,
)

revision = "0007_delivery"
down_revision = "0006_content"

_WHEN = sa.DateTime(timezone=True)
_COMPARED = sa.Text(collation="C")
_TALLIED = ("sent", "failed", "bounced", "complained", "unsubscribed")
_STREAM = ("stream", "stream IN ('marketing', 'transactional')")


def upgrade() -> None:
    """Create what this revision names."""
    _pools()
    _messages()
    _volumes()
    _leases()
    _old_letters()
    _old_keys()
    _forgotten_letters()
    _lanes()
    _paces()
    _standings()
    _soft_bounces()


def _pools() -> None:
    platform_table(
        "pool",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False, server_default="shared"),
        sa.Column("state", sa.Text, nullable=False, server_default="active"),
        sa.Column("overflow_pool_id", sa.BigInteger, sa.ForeignKey("pool.id")),
        sa.Column("created_at", _WHEN, nullable=False),
        unique=[("name",)],
        checks=[("kind", "kind IN ('shared', 'dedicated')"), ("state", "state IN ('active', 'paused')")],
        grants=Grants(app="select", worker="select", sched="select", operator=EVERYTHING, lookup="select (id, state, overflow_pool_id)"),
    )
    known = (
        "id, pool_id, name, host, port, tls, verify_tls, source_address, greet_as, max_connections, messages_per_connection, weight,"
        " preset, headers, virtual_mta_header, virtual_mta, state, failures, parked_until, last_error, last_error_at, last_sent_at, pace"
    )
    platform_table(
        "route",
        sa.Column("pool_id", sa.BigInteger, sa.ForeignKey("pool.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("tls", sa.Text, nullable=False),
        sa.Column("verify_tls", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("username", sa.Text, nullable=False, server_default=""),
        sa.Column("password_sealed", sa.LargeBinary),
        sa.Column("source_address", sa.Text, nullable=False, server_default=""),
        sa.Column("greet_as", sa.Text, nullable=False, server_default=""),
        sa.Column("max_connections", sa.Integer, nullable=False, server_default="10"),
        sa.Column("messages_per_connection", sa.Integer, nullable=False, server_default="1000"),
        sa.Column("weight", sa.Integer, nullable=False, server_default="1"),
        sa.Column("preset", sa.Text, nullable=False, server_default=""),
        sa.Column("headers", sa.Text, nullable=False, server_default=""),
        sa.Column("virtual_mta_header", sa.Text, nullable=False, server_default=""),
        sa.Column("virtual_mta", sa.Text, nullable=False, server_default=""),
        sa.Column("state", sa.Text, nullable=False, server_default="active"),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("parked_until", _WHEN),
        sa.Column("last_error", sa.Text, nullable=False, server_default=""),
        sa.Column("last_error_at", _WHEN),
        sa.Column("last_sent_at", _WHEN),
        # How much may be written before a reply is awaited: 2 as much as PIPELINING allows, 0 line by line. Lowered when it isn't borne.
        sa.Column("pace", sa.SmallInteger, nullable=False, server_default="2"),
        unique=[("pool_id", "name")],
        checks=[
            ("tls", "tls IN ('starttls', 'tls', 'none')"),
            ("state", "state IN ('active', 'paused')"),
            ("port", "port BETWEEN 1 AND 65535"),
            ("pace", "pace BETWEEN 0 AND 2"),
            ("sizes", "max_connections > 0 AND messages_per_connection > 0 AND weight > 0"),
        ],
        grants=Grants(
            app=f"select ({known})",
            worker="select, update (failures, parked_until, last_error, last_error_at, last_sent_at, pace)",
            sched=f"select ({known})",
            operator=EVERYTHING,
            lookup="select (id, pool_id, state)",
        ),
    )
    reseller_table(
        "reseller_pool",
        sa.Column("pool_id", sa.BigInteger, sa.ForeignKey("pool.id"), nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("is_default", sa.Boolean, nullable=False, server_default=sa.false()),
        # As tenants see it, who may choose it for a campaign then; empty: they may not.
        sa.Column("label", sa.Text, nullable=False, server_default=""),
        # Whose a dedicated pool is, once it is chosen for a tenant.
        sa.Column("for_tenant_id", sa.BigInteger),
        unique=[("stream", "pool_id")],
        checks=[_STREAM],
        indexes=[Index(("stream",), unique=True, where="is_default", name="uq_reseller_pool_default")],
        grants=Grants(app="select, update (label, for_tenant_id)", worker="select, update (label, for_tenant_id)", operator=EVERYTHING),
        about="for_tenant_id",
    )
    reseller_table(
        "pool_rule",
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("domain_group", sa.Text, nullable=False),
        sa.Column("pool_id", sa.BigInteger, sa.ForeignKey("pool.id", ondelete="CASCADE"), nullable=False),
        unique=[("stream", "domain_group")],
        checks=[_STREAM],
        grants=Grants(app=EVERYTHING, worker=EVERYTHING, operator=EVERYTHING),
    )
    reseller_table(
        "plan_pool",
        sa.Column("plan_id", sa.BigInteger, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("pool_id", sa.BigInteger, sa.ForeignKey("pool.id", ondelete="CASCADE"), nullable=False),
        unique=[("plan_id", "stream")],
        checks=[_STREAM],
        grants=Grants(app=EVERYTHING, worker=EVERYTHING, operator=EVERYTHING),
    )
    tenant_table(
        "tenant_pool",
        sa.Column("stream", sa.Text, nullable=False, primary_key=True),
        sa.Column("pool_id", sa.BigInteger, sa.ForeignKey("pool.id", ondelete="CASCADE"), nullable=False),
        checks=[_STREAM],
        with_id=False,
    )


def _messages() -> None:
    tenant_table(
        "message",
        sa.Column("campaign_id", sa.BigInteger),
        sa.Column("revision_id", sa.BigInteger, nullable=False),
        sa.Column("list_id", sa.BigInteger),
        sa.Column("contact_id", sa.BigInteger),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("email_norm", _COMPARED, nullable=False),
        sa.Column("domain", _COMPARED, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("fields", JSONB),
        sa.Column("attempts", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("not_before", _WHEN, nullable=False),
        sa.Column("expires_at", _WHEN),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("settled_at", _WHEN),
        sa.Column("lease_id", sa.BigInteger),
        sa.Column("route_id", sa.BigInteger),
        sa.Column("reply_code", sa.SmallInteger),
        sa.Column("reply_status", sa.Text),
        sa.Column("reply_text", sa.Text),
        sa.Column("hard", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("bounced_at", _WHEN),
        sa.Column("bounce_reason", sa.Text),
        sa.Column("soft_bounced_at", _WHEN),
        sa.Column("complained_at", _WHEN),
        sa.Column("complaint_counts", sa.Boolean, nullable=False, server_default=sa.false()),
        checks=[
            _STREAM,
            ("state", "state IN ('queued', 'leased', 'sent', 'failed', 'suppressed', 'expired', 'cancelled', 'unknown')"),
            ("leased", "(state = 'leased') = (lease_id IS NOT NULL)"),
            ("settled", "(state IN ('queued', 'leased')) = (settled_at IS NULL)"),
        ],
        indexes=[
            Index(("campaign_id", "contact_id"), unique=True, where="campaign_id IS NOT NULL", name="uq_message_campaign_contact"),
            Index(("campaign_id", "not_before"), where="state = 'queued' AND campaign_id IS NOT NULL", name="ix_message_due_campaign"),
            Index(("stream", "not_before"), where="state = 'queued' AND campaign_id IS NULL", name="ix_message_due_single"),
            Index(("stream", "not_before"), where="state = 'queued'", name="ix_message_due"),
            Index(("lease_id",), where="state = 'leased'", name="ix_message_leased"),
            Index(("contact_id",), where="contact_id IS NOT NULL", name="ix_message_contact"),
            Index(
                ("campaign_id", "state", "contact_id"),
                where="campaign_id IS NOT NULL AND state IN ('failed', 'expired', 'unknown')",
                name="ix_message_not_delivered",
            ),
            Index(("email_norm", "soft_bounced_at"), where="soft_bounced_at IS NOT NULL", name="ix_message_soft_bounced"),
        ],
        grants=Grants(
            app="select, insert, update",
            worker="select, insert, update",
            lookup="select (tenant_id, id, stream, state, not_before, revision_id, lease_id, campaign_id, email_norm)",
        ),
        anchored=False,
        storage="fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05",
    )
    tenant_table(
        "message_event",
        sa.Column("message_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", _WHEN, nullable=False),
        sa.Column("code", sa.SmallInteger),
        sa.Column("text", sa.Text, nullable=False, server_default=""),
        # The transaction that wrote the row: a feed shows only what no transaction at work can still put something before.
        sa.Column("tx", sa.BigInteger, nullable=False, server_default=sa.text("(pg_current_xact_id()::text::bigint)")),
        indexes=[Index(("message_id",)), Index(("tx", "id"))],
        grants=Grants(app="select, insert", worker="select, insert, update (text)"),
        anchored=False,
    )


def _counters() -> Sequence[sa.Column[object]]:
    return [sa.Column(kind, sa.BigInteger, nullable=False, server_default="0") for kind in _TALLIED]


def _volumes() -> None:
    """Add up what became of messages by tenant and day, where their reseller and the operator may read it.

    Each statement that writes events leaves one tally a kind, an insert that waits for nobody; tallies are folded into days later.
    """
    reseller_table(
        "tenant_tally",
        sa.Column("for_tenant_id", sa.BigInteger, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        grants=Grants(app="select, insert", worker="select, insert", lookup="select, update, delete", operator="select"),
        storage="autovacuum_vacuum_scale_factor = 0.02",
        about="for_tenant_id",
    )
    reseller_table(
        "tenant_day",
        sa.Column("for_tenant_id", sa.BigInteger, nullable=False, primary_key=True),
        sa.Column("day", sa.Date, nullable=False, primary_key=True),
        *_counters(),
        indexes=[Index(("day",), include=("for_tenant_id", *_TALLIED))],
        grants=Grants(app="select", worker="select", lookup="select, insert, update", operator="select"),
        with_id=False,
        storage="fillfactor = 80",
        about="for_tenant_id",
    )
    kinds = ", ".join(f"'{kind}'" for kind in _TALLIED)
    op.execute(
        "CREATE FUNCTION message_events_tallied() RETURNS trigger LANGUAGE plpgsql AS $function$ BEGIN"
        " IF nullif(current_setting('posthouse.reseller_id', true), '') IS NULL THEN RETURN NULL; END IF;"
        " INSERT INTO tenant_tally (reseller_id, for_tenant_id, day, kind, count)"
        " SELECT current_setting('posthouse.reseller_id')::bigint, f.tenant_id, (f.at AT TIME ZONE 'UTC')::date, f.kind, count(*)"
        f" FROM fresh f WHERE f.kind IN ({kinds}) GROUP BY 2, 3, 4;"
        " RETURN NULL; END $function$"
    )
    op.execute(
        "CREATE TRIGGER message_events_tallied AFTER INSERT ON message_event REFERENCING NEW TABLE AS fresh"
        " FOR EACH STATEMENT EXECUTE FUNCTION message_events_tallied()"
    )
    sums = ", ".join(f"coalesce(sum(g.count) FILTER (WHERE g.kind = '{kind}'), 0)" for kind in _TALLIED)
    sets = ", ".join(f"{kind} = d.{kind} + excluded.{kind}" for kind in _TALLIED)
    lookup_function(
        "sending_fold_tallies(p_most integer)",
        returns="bigint",
        body=(
            "WITH gone AS (DELETE FROM tenant_tally t USING (SELECT o.reseller_id, o.id FROM tenant_tally o ORDER BY o.reseller_id, o.id"
            " LIMIT p_most FOR UPDATE SKIP LOCKED) o WHERE t.reseller_id = o.reseller_id AND t.id = o.id RETURNING t.*),"
            f" folded AS (INSERT INTO tenant_day AS d (reseller_id, for_tenant_id, day, {', '.join(_TALLIED)})"
            f" SELECT g.reseller_id, g.for_tenant_id, g.day, {sums} FROM gone g GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
            f" ON CONFLICT (reseller_id, for_tenant_id, day) DO UPDATE SET {sets})"
            " SELECT count(*) FROM gone"
        ),
        callers=("worker", "sched"),
        volatility="VOLATILE",
    )


def _old_letters() -> None:
    """Ready-made messages are kept as long as a copy may still leave, and a while longer: people's mail is no archive of ours."""
    lookup_function(
        "sending_forget_mime(p_before timestamptz, p_most integer)",
        returns="bigint",
        body=(
            "WITH old AS (SELECT l.tenant_id, l.revision_id FROM mime_letter l WHERE l.created_at < p_before AND NOT EXISTS"
            " (SELECT 1 FROM message m WHERE m.tenant_id = l.tenant_id AND m.revision_id = l.revision_id AND m.stream = 'transactional'"
            " AND m.state = 'queued' AND m.campaign_id IS NULL) AND NOT EXISTS (SELECT 1 FROM message m WHERE m.tenant_id = l.tenant_id"
            " AND m.revision_id = l.revision_id AND m.state = 'leased' AND m.lease_id IS NOT NULL) LIMIT p_most),"
            " gone AS (DELETE FROM mime_letter l USING old o WHERE l.tenant_id = o.tenant_id AND l.revision_id = o.revision_id RETURNING 1)"
            " SELECT count(*) FROM gone"
        ),
        callers=("worker", "sched"),
        volatility="VOLATILE",
    )


def _old_keys() -> None:
    """By which requests single messages came is known only for as long as repeating them is promised to be harmless."""
    lookup_function(
        "sending_forget_keys(p_before timestamptz, p_most integer)",
        returns="bigint",
        body=(
            "WITH old AS (SELECT k.tenant_id, k.key FROM single_message_key k WHERE k.at < p_before LIMIT p_most),"
            " gone AS (DELETE FROM single_message_key k USING old o WHERE k.tenant_id = o.tenant_id AND k.key = o.key RETURNING 1)"
            " SELECT count(*) FROM gone"
        ),
        callers=("worker", "sched"),
        volatility="VOLATILE",
    )


def _forgotten_letters() -> None:
    """Single messages' content that was written for people who are all forgotten by now.

    First nobody finds it any more by its hash; it is emptied when whatever found it before has been written down. Links that
    name nobody stay, since the letter still lies in a mailbox.
    """
    retired = "sha256(convert_to('forgotten.' || r.id, 'UTF8'))"
    unused = "NOT EXISTS (SELECT 1 FROM message m WHERE m.tenant_id = r.tenant_id AND m.revision_id = r.id AND m.email_norm <> '')"
    lookup_function(
        "sending_retire_letters(p_tenant bigint, p_messages bigint[])",
        returns="bigint",
        body=(
            f"WITH done AS (UPDATE campaign_revision r SET content_hash = {retired} WHERE r.tenant_id = p_tenant AND r.campaign_id IS NULL"
            " AND r.id IN (SELECT o.revision_id FROM message o WHERE o.tenant_id = p_tenant AND o.id = ANY (p_messages))"
            f" AND r.content_hash <> {retired} AND {unused} RETURNING 1) SELECT count(*) FROM done"
        ),
        callers=("worker",),
        volatility="VOLATILE",
    )
    links = "coalesce(r.compiled -> 'links', '[]')"
    lookup_function(
        "sending_empty_letters(p_tenant bigint)",
        returns="bigint",
        body=(
            "WITH done AS (UPDATE campaign_revision r SET source = '{}', from_name = '', reply_to = '', compiled = jsonb_build_object('links',"
            f" CASE WHEN {links}::text ~* '@|%40' THEN '[]' ELSE {links} END)"
            f" WHERE r.tenant_id = p_tenant AND r.campaign_id IS NULL AND r.source <> '{{}}' AND r.content_hash = {retired}"
            f" AND {unused} RETURNING 1)"
            " SELECT count(*) FROM done"
        ),
        callers=("worker",),
        volatility="VOLATILE",
    )


def _leases() -> None:
    tenant_table(
        "lease",
        sa.Column("for_reseller_id", sa.BigInteger, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("pool_id", sa.BigInteger, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("messages", sa.Integer, nullable=False),
        sa.Column("until", _WHEN, nullable=False),
        sa.Column("made_at", _WHEN, nullable=False),
        sa.Column("closed_at", _WHEN),
        sa.Column("closed_by", sa.Text, nullable=False, server_default=""),
        indexes=[Index(("until",), where="closed_at IS NULL", name="ix_lease_open")],
        grants=Grants(
            worker="select, insert, update", sched="select", operator="select (tenant_id, stream, messages, until, made_at, closed_at)"
        ),
        anchored=False,
    )
    platform_table(
        "delivery_host",
        sa.Column("host", sa.Text, nullable=False, primary_key=True),
        sa.Column("seen_at", _WHEN, nullable=False),
        grants=Grants(worker="select, insert, update", sched="select, insert, update", operator="select, delete"),
        with_id=False,
    )


def _lanes() -> None:
    """Keep which tenants have work on a stream and whose turn it is; `pass` is virtual time (stride scheduling)."""
    tenant_table(
        "lane_tenant",
        sa.Column("stream", sa.Text, nullable=False, primary_key=True),
        sa.Column("for_reseller_id", sa.BigInteger, nullable=False),
        sa.Column("pool_id", sa.BigInteger),
        sa.Column("weight", sa.Integer, nullable=False, server_default="1"),
        sa.Column("pass", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("due_at", _WHEN),
        sa.Column("held_by", sa.Text, nullable=False, server_default=""),
        sa.Column("resumes_at", _WHEN),
        checks=[_STREAM, ("weight", "weight BETWEEN 1 AND 1000")],
        grants=Grants(
            app="select, insert, update", worker="select, insert, update", sched="select", lookup="select, update", operator="select"
        ),
        anchored=False,
        with_id=False,
        storage="fillfactor = 50",
    )
    op.create_index("ix_lane_tenant_due", "lane_tenant", ["stream", "due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))
    platform_table(
        "lane_clock",
        sa.Column("stream", sa.Text, nullable=False, primary_key=True),
        sa.Column("now", sa.BigInteger, nullable=False, server_default="0"),
        grants=Grants(lookup="select, update"),
        with_id=False,
    )
    op.execute("INSERT INTO lane_clock (stream) VALUES ('marketing'), ('transactional')")
    _arrivals()
    lookup_function(
        "sending_next_turn(p_stream text, p_at timestamptz, p_without bigint[])",
        returns="TABLE (o_tenant_id bigint, o_reseller_id bigint)",
        body=_NEXT_TURN,
        callers=("worker",),
        language="plpgsql",
        volatility="VOLATILE",
    )
    # Finds due messages whose lane sleeps; tells only how many lanes it woke.
    lookup_function(
        "sending_wake_lanes(p_at timestamptz, p_since timestamptz)",
        returns="SETOF text",
        body=(
            "UPDATE lane_tenant l SET due_at = p_at WHERE coalesce(l.due_at > p_at, true) AND coalesce(l.resumes_at <= p_at, true)"
            " AND EXISTS (SELECT 1 FROM message m WHERE m.tenant_id = l.tenant_id AND m.stream = l.stream AND m.state = 'queued'"
            " AND m.not_before <= p_at AND m.not_before >= p_since);"
            " SELECT DISTINCT l.stream FROM lane_tenant l WHERE l.due_at <= p_at"
        ),
        callers=("sched", "worker"),
        volatility="VOLATILE",
    )


# Start-time fair queueing: a tenant that slept comes back at the present virtual time, so it can't save turns up.
_NEXT_TURN = """
DECLARE
  v_now bigint;
  v_row record;
BEGIN
  -- Whose turn it was is soon made up for after a crash; nobody waits for the disk to know it.
  PERFORM set_config('synchronous_commit', 'off', true);
  SELECT c.now INTO v_now FROM lane_clock c WHERE c.stream = p_stream FOR UPDATE;
  SELECT l.tenant_id, l.for_reseller_id, greatest(l.pass, v_now) AS start, l.weight INTO v_row
    FROM lane_tenant l
   WHERE l.stream = p_stream AND l.due_at <= p_at AND coalesce(l.pool_id, 0) <> ALL (p_without)
   ORDER BY greatest(l.pass, v_now), l.pass, l.tenant_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN; END IF;
  UPDATE lane_tenant l SET pass = v_row.start + 1000000 / v_row.weight WHERE l.tenant_id = v_row.tenant_id AND l.stream = p_stream;
  UPDATE lane_clock c SET now = v_row.start WHERE c.stream = p_stream;
  o_tenant_id := v_row.tenant_id;
  o_reseller_id := v_row.for_reseller_id;
  RETURN NEXT;
END
"""


def _arrivals() -> None:
    """Mark a tenant's lane as due in the transaction that queues its messages.

    Where it is due already it is kept so until the messages can be seen, by a lock that those who queue share and that a claim
    asks for before it sets the lane's next time: without it a message that is committed in that moment waits for the scheduler.
    """
    op.execute(
        """
        CREATE FUNCTION message_arrived() RETURNS trigger LANGUAGE plpgsql AS $function$
        DECLARE f record;
        BEGIN
          FOR f IN SELECT n.tenant_id, n.stream, min(n.not_before) AS due FROM fresh n WHERE n.state = 'queued'
                   GROUP BY n.tenant_id, n.stream LOOP
            PERFORM 1 FROM lane_tenant l WHERE l.tenant_id = f.tenant_id AND l.stream = f.stream AND l.due_at <= f.due FOR KEY SHARE;
            IF NOT FOUND THEN
              INSERT INTO lane_tenant AS l (tenant_id, stream, for_reseller_id, due_at)
              VALUES (f.tenant_id, f.stream, nullif(current_setting('posthouse.reseller_id', true), '')::bigint, f.due)
              ON CONFLICT (tenant_id, stream) DO UPDATE SET due_at = least(l.due_at, excluded.due_at);
            END IF;
          END LOOP;
          RETURN NULL;
        END $function$
        """
    )
    op.execute(
        "CREATE TRIGGER message_arrived AFTER INSERT ON message REFERENCING NEW TABLE AS fresh"
        " FOR EACH STATEMENT EXECUTE FUNCTION message_arrived()"
    )


def _paces() -> None:
    """Keep how much a pool carries, minute by minute, and let forecasts ask for it without seeing whose mail it was."""
    platform_table(
        "pool_pace",
        sa.Column("pool_id", sa.BigInteger, sa.ForeignKey("pool.id", ondelete="CASCADE"), nullable=False, primary_key=True),
        sa.Column("minute", _WHEN, nullable=False, primary_key=True),
        sa.Column("messages", sa.Integer, nullable=False),
        grants=Grants(worker=EVERYTHING, sched="select, delete", operator="select", lookup="select"),
        with_id=False,
    )
    # Of a busy pool the busiest of the last three whole minutes; of one that has little to do, or was idle in them, of seven days.
    lookup_function(
        "sending_pool_pace(p_pool bigint, p_at timestamptz, p_busy boolean)",
        returns="double precision",
        body=(
            "SELECT coalesce((SELECT max(p.messages) FROM pool_pace p WHERE p_busy AND p.pool_id = p_pool"
            " AND p.minute < date_trunc('minute', p_at) AND p.minute >= date_trunc('minute', p_at) - interval '3 minutes'),"
            " (SELECT max(p.messages) FROM pool_pace p WHERE p.pool_id = p_pool AND p.minute < date_trunc('minute', p_at)"
            " AND p.minute >= p_at - interval '7 days')) / 60.0"
        ),
        callers=("app", "worker"),
    )
    # Weights and amounts of the other tenants with running campaigns in the pool, and which are the reseller's own, without saying who they are.
    lookup_function(
        "sending_neighbours(p_pool bigint, p_tenant bigint)",
        returns="TABLE (o_weight integer, o_waiting bigint, o_same boolean)",
        body=(
            "SELECT l.weight, greatest(0, w.waiting)::bigint,"
            " coalesce(l.for_reseller_id = nullif(current_setting('posthouse.reseller_id', true), '')::bigint, false) FROM lane_tenant l CROSS JOIN LATERAL ("
            " SELECT sum(CASE WHEN n.kind = 'recipients' THEN n.count"
            " WHEN n.kind IN ('sent', 'failed', 'suppressed', 'expired', 'cancelled', 'unknown') THEN -n.count ELSE 0 END) AS waiting"
            " FROM campaign c JOIN campaign_count n ON n.tenant_id = c.tenant_id AND n.campaign_id = c.id AND n.facet = 'total'"
            " WHERE c.tenant_id = l.tenant_id AND c.state IN ('starting', 'sending')) w"
            " WHERE l.stream = 'marketing' AND l.pool_id = p_pool AND l.tenant_id <> p_tenant AND w.waiting > 0"
        ),
        callers=("app", "worker"),
    )


def _standings() -> None:
    """Keep what becomes of a tenant's mail by the time of its sending, and what follows from that."""
    measure = ("measure", "measure IN ('bounces', 'complaints')")
    tenant_table(
        "standing_count",
        sa.Column("stream", sa.Text, nullable=False, primary_key=True),
        sa.Column("bucket", _WHEN, nullable=False, primary_key=True),
        sa.Column("sent", sa.Integer, nullable=False, server_default="0"),
        sa.Column("bounces", sa.Integer, nullable=False, server_default="0"),
        sa.Column("complaints", sa.Integer, nullable=False, server_default="0"),
        checks=[_STREAM],
        anchored=False,
        with_id=False,
        storage="fillfactor = 50",
    )
    reseller_table(
        "standing",
        sa.Column("for_tenant_id", sa.BigInteger, nullable=False, primary_key=True),
        sa.Column("stream", sa.Text, nullable=False, primary_key=True),
        sa.Column("grade", sa.Text, nullable=False),
        sa.Column("measure", sa.Text, nullable=False, server_default=""),
        sa.Column("window", sa.Text, nullable=False, server_default=""),
        sa.Column("events", sa.Integer, nullable=False, server_default="0"),
        sa.Column("sent", sa.Integer, nullable=False, server_default="0"),
        sa.Column("since", _WHEN, nullable=False),
        sa.Column("counted_from", _WHEN),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
        checks=[_STREAM, ("grade", "grade IN ('well', 'warned', 'slowed', 'held', 'suspended')")],
        references=[Ref(("for_tenant_id",), "tenant", on_delete="CASCADE")],
        grants=Grants(app="select, insert, update", worker="select, insert, update", operator="select, update"),
        with_id=False,
        about="for_tenant_id",
    )
    grade = ("grade", "grade IN ('warned', 'slowed', 'held', 'suspended')")
    share = ("share", "share BETWEEN 1 AND 1000000")
    platform_table(
        "standing_limit",
        *_limit_columns(),
        checks=[measure, grade, share],
        grants=Grants(app="select", worker="select", operator=EVERYTHING),
        with_id=False,
    )
    reseller_table(
        "reseller_standing_limit",
        *_limit_columns(),
        checks=[measure, grade, share],
        with_id=False,
    )


def _soft_bounces() -> None:
    """Keep after how many soft bounces an address is written to no more, by tenant, and how lax a reseller lets that be."""
    checks = [("bounces", "bounces BETWEEN 2 AND 20"), ("days", "days BETWEEN 7 AND 90")]
    grants = Grants(app="select, insert, delete", worker="select, insert, delete")
    tenant_table("soft_bounce_policy", *_soft_bounce_columns(), checks=checks, with_id=False, grants=grants)
    reseller_table("reseller_soft_bounce_policy", *_soft_bounce_columns(), checks=checks, with_id=False, grants=grants)


def _soft_bounce_columns() -> tuple[sa.Column[object], ...]:
    return (sa.Column("bounces", sa.SmallInteger, nullable=False), sa.Column("days", sa.SmallInteger, nullable=False))


def _limit_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("measure", sa.Text, nullable=False, primary_key=True),
        sa.Column("grade", sa.Text, nullable=False, primary_key=True),
        sa.Column("share", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Drop what this revision names."""
    drop_lookups("sending_neighbours(bigint, bigint)", "sending_pool_pace(bigint, timestamptz, boolean)")
    op.drop_table("pool_pace")
    drop_tables("reseller_soft_bounce_policy", "soft_bounce_policy")
    drop_tables("reseller_standing_limit", "standing_limit", "standing", "standing_count")
    drop_lookups(
        "sending_wake_lanes(timestamptz, timestamptz)",
        "sending_next_turn(text, timestamptz, bigint[])",
        "sending_fold_tallies(integer)",
        "sending_forget_mime(timestamptz, integer)",
        "sending_forget_keys(timestamptz, integer)",
        "sending_retire_letters(bigint, bigint[])",
        "sending_empty_letters(bigint)",
    )
    drop_tables("lane_clock", "lane_tenant", "delivery_host", "lease", "tenant_day", "tenant_tally", "message_event", "message")
    op.execute("DROP FUNCTION message_events_tallied()")
    op.execute("DROP FUNCTION message_arrived()")
    drop_tables("tenant_pool", "plan_pool", "pool_rule", "reseller_pool", "route", "pool")
