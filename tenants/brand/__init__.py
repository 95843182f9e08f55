"""How a reseller looks to its tenants."""
