"""Makes what the HTTP edge remembers."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from posthouse.platform.schema import Grants, Index, drop_tables, tenant_table

revision = "0009_webui"
down_revision = "0008_inbound"


def upgrade() -> None:
    """Create the table of idempotency keys with the answers they brought."""
    tenant_table(
        "idempotency_key",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("body_hash", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("answer", JSONB, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        unique=[("key",)],
        indexes=[Index(("at",))],
        grants=Grants(app="select, insert, delete"),
    )


def downgrade() -> None:
    """Drop what this revision made."""
    drop_tables("idempotency_key")
