"""When a campaign will be done: from what waits, the limits that bind and what the pool carries."""
