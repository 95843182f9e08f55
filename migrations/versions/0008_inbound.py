"""Makes the mailroom."""

revision = "0008_inbound"
down_revision = "0007_delivery"


def upgrade() -> None:
    """Create what this revision names."""


def downgrade() -> None:
    """Drop what this revision names."""
