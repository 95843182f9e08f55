"""Makes platform's functions and the tables of platform."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from posthouse.platform.schema import Grants, Index, drop_tables, platform_table

revision = "0001_platform"
down_revision = None

_WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the id maker, jobs, the outbox, the periodic table and the operator's audit."""
    _id_maker()
    _jobs()
    _outbox()
    platform_table(
        "operator_audit",
        sa.Column("at", _WHEN, nullable=False),
        sa.Column("actor_kind", sa.Text, nullable=False),
        sa.Column("actor_id", sa.BigInteger),
        sa.Column("actor_label", sa.Text, nullable=False),
        sa.Column("verb", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("subject_id", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("facts", JSONB, nullable=False),
        grants=Grants(operator="select, insert", worker="insert", sched="insert", app="insert", edge="insert"),
    )


def _id_maker() -> None:
    """Milliseconds since 2026 above 22 bits that never repeat within a millisecond.

    The low bits are a sequence multiplied by an odd number, a bijection on 22 bits, so that two ids do not tell how many
    rows the installation made between them at a glance.
    """
    op.execute("CREATE SEQUENCE posthouse_id_seq CACHE 64")
    op.execute(
        "CREATE FUNCTION posthouse_id() RETURNS bigint LANGUAGE sql VOLATILE AS $$"
        " SELECT ((extract(epoch FROM clock_timestamp()) * 1000)::bigint - 1767225600000) << 22"
        " | (((nextval('posthouse_id_seq') & 4194303) * 2654435761) & 4194303) $$"
    )
    op.execute(
        "GRANT USAGE ON SEQUENCE posthouse_id_seq TO posthouse_app, posthouse_worker, posthouse_sched, posthouse_edge, posthouse_operator, posthouse_lookup"
    )


def _jobs() -> None:
    platform_table(
        "job",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("for_tenant_id", sa.BigInteger),
        sa.Column("for_reseller_id", sa.BigInteger),
        sa.Column("args", JSONB, nullable=False),
        sa.Column("dedupe_key", sa.Text),
        sa.Column("state", sa.Text, nullable=False, server_default="queued"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("run_at", _WHEN, nullable=False),
        sa.Column("claimed_by", sa.Text),
        sa.Column("claimed_until", _WHEN),
        sa.Column("last_error", sa.Text),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("finished_at", _WHEN),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("asked_by", JSONB, nullable=False),
        checks=[("state", "state IN ('queued', 'running', 'done', 'failed')")],
        indexes=[
            Index(("queue", "run_at"), where="state = 'queued'", name="ix_job_due"),
            Index(("claimed_until",), where="state = 'running'", name="ix_job_running"),
            Index(
                ("kind", "dedupe_key"),
                unique=True,
                where="dedupe_key IS NOT NULL AND state IN ('queued', 'running')",
                name="uq_job_open_key",
            ),
            Index(("finished_at",), where="finished_at IS NOT NULL", name="ix_job_finished"),
        ],
        grants=Grants(
            app="select (id, kind, dedupe_key, state), insert",
            edge="select (id, kind, dedupe_key, state), insert",
            worker="select, insert, update, delete",
            sched="select, insert, update, delete",
            operator="select, insert, update",
        ),
    )
    platform_table(
        "periodic_job",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("every_seconds", sa.Integer, nullable=False),
        sa.Column("next_at", _WHEN, nullable=False),
        sa.Column("last_at", _WHEN),
        unique=[("kind",)],
        grants=Grants(sched="select, insert, update, delete", worker="select", operator="select"),
    )


def _outbox() -> None:
    platform_table(
        "outbox_event",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("for_tenant_id", sa.BigInteger),
        sa.Column("for_reseller_id", sa.BigInteger),
        sa.Column("payload", JSONB, nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("relayed_at", _WHEN),
        sa.Column("request_id", sa.Text, nullable=False),
        indexes=[
            Index(("id",), where="relayed_at IS NULL", name="ix_outbox_waiting"),
            Index(("relayed_at",), where="relayed_at IS NOT NULL", name="ix_outbox_relayed"),
        ],
        grants=Grants(
            app="insert",
            worker="insert",
            edge="insert",
            operator="select (id, name, created_at, relayed_at), insert",
            sched="select, insert, update (relayed_at), delete",
        ),
    )


def downgrade() -> None:
    """Drop what this revision made."""
    drop_tables("operator_audit", "outbox_event", "periodic_job", "job")
    op.execute("DROP FUNCTION posthouse_id()")
    op.execute("DROP SEQUENCE posthouse_id_seq")
