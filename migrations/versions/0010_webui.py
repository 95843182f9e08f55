"""Makes what the HTTP edge remembers, and webhooks out."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from posthouse.platform.schema import EVERYTHING, Grants, Index, Ref, drop_tables, tenant_table

revision = "0010_webui"
down_revision = "0009_inbound"


_WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table of idempotency keys with the answers they brought, and those of webhooks."""
    _webhooks()
    tenant_table(
        "idempotency_key",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("body_hash", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("answer", JSONB, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        unique=[("key",)],
        indexes=[Index(("at",))],
        grants=Grants(app="select, insert, delete", worker="select, update (answer, key)"),
    )


def _webhooks() -> None:
    tenant_table(
        "webhook_endpoint",
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("kinds", ARRAY(sa.Text), nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("secret_before", sa.LargeBinary),
        sa.Column("secret_before_until", _WHEN),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("state_why", sa.Text, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failing_since", _WHEN),
        sa.Column("rests_until", _WHEN),
        sa.Column("last_ok_at", _WHEN),
        sa.Column("created_at", _WHEN, nullable=False),
        checks=[("state", "state IN ('enabled', 'disabled')")],
        grants=Grants(app=EVERYTHING, worker=EVERYTHING),
    )
    tenant_table(
        "webhook_delivery",
        sa.Column("endpoint_id", sa.BigInteger, nullable=False),
        sa.Column("event_key", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.SmallInteger, nullable=False),
        sa.Column("next_at", _WHEN, nullable=False),
        sa.Column("started_at", _WHEN, nullable=False),
        sa.Column("settled_at", _WHEN),
        sa.Column("created_at", _WHEN, nullable=False),
        unique=[("endpoint_id", "event_key")],
        references=[Ref(("endpoint_id",), "webhook_endpoint", on_delete="CASCADE")],
        checks=[("state", "state IN ('waiting', 'delivered', 'failed')"), ("settled", "(state = 'waiting') = (settled_at IS NULL)")],
        indexes=[Index(("endpoint_id", "id")), Index(("created_at",))],
        anchored=False,
    )
    tenant_table(
        "webhook_attempt",
        sa.Column("delivery_id", sa.BigInteger, nullable=False),
        sa.Column("at", _WHEN, nullable=False),
        sa.Column("status", sa.SmallInteger),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("milliseconds", sa.Integer, nullable=False),
        references=[Ref(("delivery_id",), "webhook_delivery", on_delete="CASCADE")],
        indexes=[Index(("delivery_id", "id"))],
        grants=Grants(app="select", worker="select, insert, update (answer)"),
        anchored=False,
    )


def downgrade() -> None:
    """Drop what this revision made."""
    drop_tables("webhook_attempt", "webhook_delivery", "webhook_endpoint", "idempotency_key")
