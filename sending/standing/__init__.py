"""A tenant's standing: what its bounces and complaints say of it, and what follows."""
