"""Mail on disk before it is acknowledged: complete, synced, independent of every other service."""
