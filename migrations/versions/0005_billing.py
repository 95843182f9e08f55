"""Makes plans, subscriptions and Stripe's events."""

revision = "0005_billing"
down_revision = "0004_quotas"


def upgrade() -> None:
    """Create what this revision names."""


def downgrade() -> None:
    """Drop what this revision names."""
