"""Pages for people, by noun."""
