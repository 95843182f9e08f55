"""Plans: what a reseller sells, for how much, and what it allows."""
