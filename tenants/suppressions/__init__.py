"""Addresses that are not to be written to, and why."""
