"""Messages that a tenant's program wrote itself: kept as they are, but for what may not pass."""
