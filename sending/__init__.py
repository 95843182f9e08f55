"""What leaves, when, by which way, and what became of it."""
