"""What recipients reach: tracking, unsubscribing, preferences; and the health of the service."""
