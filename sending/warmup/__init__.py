"""Warm-up: how many messages a new route may send a day to each mailbox provider."""
