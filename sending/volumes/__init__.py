"""How much each tenant sends and what becomes of it, by day: figures for those above, without a look at any message."""
