"""People's answers, by the message that they answer."""
