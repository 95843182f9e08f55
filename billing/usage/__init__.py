"""What was used of what the plan allows."""
