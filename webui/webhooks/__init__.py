"""Webhooks out: what a tenant's programs are told, and what came of telling them."""
