"""A tenant's subscription: what Stripe says of it, and what follows for sending."""
