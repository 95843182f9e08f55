"""Leases, journals, lanes and the way to the relay: what leaves, exactly once as far as SMTP allows."""
