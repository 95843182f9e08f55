"""Makes the mailroom's tables: mail that names a tenant, and mail that names nobody."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from posthouse.platform.schema import Grants, Index, Ref, drop_tables, platform_table, tenant_table

revision = "0008_inbound"
down_revision = "0007_delivery"

_WHEN = sa.DateTime(timezone=True)


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("received_at", _WHEN, nullable=False),
        sa.Column("sorted_at", _WHEN, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("sender", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("peer", sa.Text, nullable=False),
        sa.Column("understood", JSONB, nullable=False),
        sa.Column("trouble", sa.Text),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
    ]


def upgrade() -> None:
    """Create what this revision names."""
    tenant_table(
        "inbound_mail",
        *_columns(),
        sa.Column("message_id", sa.BigInteger),
        sa.Column("effect", sa.Text, nullable=False),
        unique=[("fingerprint",)],
        indexes=[Index(("id",), name="ix_inbound_mail_newest"), Index(("message_id",), where="message_id IS NOT NULL")],
        grants=Grants(app="select", worker="select, insert, update (effect)"),
        anchored=False,
    )
    platform_table(
        "unmatched_mail",
        *_columns(),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("said_kind", sa.Text),
        sa.Column("said_by", sa.BigInteger),
        sa.Column("said_at", _WHEN),
        unique=[("fingerprint",)],
        indexes=[Index(("id",), where="said_at IS NULL", name="ix_unmatched_mail_waiting"), Index(("why",))],
        grants=Grants(worker="select (id, fingerprint), insert", operator="select, update (said_kind, said_by, said_at)"),
    )
    platform_table(
        "provider_hook",
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        grants=Grants(app="select", worker="select", operator="select, insert, update (secret), delete"),
    )
    platform_table(
        "provider_report",
        sa.Column("hook_id", sa.BigInteger, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("event_key", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("received_at", _WHEN, nullable=False),
        sa.Column("sorted_at", _WHEN),
        sa.Column("events", sa.Integer),
        unique=[("hook_id", "fingerprint")],
        references=[Ref(("hook_id",), "provider_hook", on_delete="CASCADE")],
        indexes=[Index(("received_at",))],
        grants=Grants(
            app="select (id, hook_id, fingerprint), insert",
            worker="select, insert, update (sorted_at, events), delete",
            operator="select, delete",
        ),
    )


def downgrade() -> None:
    """Drop what this revision made."""
    drop_tables("provider_report", "provider_hook", "unmatched_mail", "inbound_mail")
