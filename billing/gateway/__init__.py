"""Between us and Stripe: the SDK's adapter, the webhook's door, and the events that came through it."""
