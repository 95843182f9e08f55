"""What a message says: compiled once, personal parts filled in per recipient, signed, ready for the wire."""
