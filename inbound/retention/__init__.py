"""How long what came in is kept."""
