"""Files of contacts from elsewhere, and what became of each row."""
