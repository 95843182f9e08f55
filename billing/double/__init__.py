"""A small stateful stand-in for Stripe: real HTTP, signed webhooks, for demos, tests and rehearsals."""
