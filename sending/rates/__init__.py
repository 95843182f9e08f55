"""How much a route may send, to everybody or to one mailbox provider: limits, what was used of them, and what waits."""
