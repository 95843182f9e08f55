"""Opens, clicks, unsubscribes and preferences: what recipients do with a message."""
