"""One copy for one recipient, with exactly one final outcome, and its history."""
