"""Money: plans, subscriptions, Stripe."""
