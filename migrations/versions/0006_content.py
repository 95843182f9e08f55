"""Makes sending domains, campaigns and their revisions."""

revision = "0006_content"
down_revision = "0005_billing"


def upgrade() -> None:
    """Create what this revision names."""


def downgrade() -> None:
    """Drop what this revision names."""
