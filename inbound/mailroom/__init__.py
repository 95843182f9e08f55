"""Mail that came in: stored raw, sorted to tenant and message, with its effect once."""
