"""Makes what the HTTP edge remembers."""

revision = "0009_webui"
down_revision = "0008_inbound"


def upgrade() -> None:
    """Create what this revision names."""


def downgrade() -> None:
    """Drop what this revision names."""
