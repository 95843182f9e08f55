"""One revision for each owner of tables."""
