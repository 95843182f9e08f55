"""Understand a mail that came back: pure functions from bytes to facts, safe for any input."""
