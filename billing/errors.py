"""Refusals of this room, each with what to do about it."""

from __future__ import annotations

from posthouse.platform.errors import Conflict, Missing


def no_account() -> Conflict:
    """Nothing can be sold before Stripe is connected."""
    return Conflict("stripe_not_connected", "No Stripe account is connected yet. Connect one under Billing, then try again.")


def not_for_sale() -> Missing:
    """The plan isn't there, isn't the reseller's, or isn't offered: the same answer."""
    return Missing("plan_not_found", "There is no such plan on offer. Choose one from the list of plans.")


def already_subscribed() -> Conflict:
    """A second subscription would be paid twice."""
    return Conflict(
        "already_subscribed",
        "There is a subscription already. Change or end it, or mend its payment, in the billing portal instead of taking out another.",
    )


def never_subscribed() -> Conflict:
    """There is no portal for somebody whom Stripe doesn't know."""
    return Conflict("no_customer_yet", "There is nothing to manage yet. Choose a plan first.")
