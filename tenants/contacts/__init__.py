"""Whom a tenant writes to, and what it knows about them."""
