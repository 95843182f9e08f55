"""Decide which bounces count against an address, and how many are too many: pure."""

from __future__ import annotations

from dataclasses import dataclass

FEWEST, MOST = 2, 20
SHORTEST_DAYS, LONGEST_DAYS = 7, 90


@dataclass(frozen=True, slots=True)
class Policy:
    """An address that bounced `bounces` times within `days` is suppressed."""

    bounces: int
    days: int


USUAL = Policy(5, 30)
"""What a tenant has that chose nothing. Mailchimp gives up after 7 to 15 soft bounces, Brevo after 5 within 30 days."""
LAXEST = Policy(10, 7)
"""What a reseller allows at most that chose nothing: no more bounces, and no shorter a time to count them in."""

# What lies with the mailbox or with the way to it. What lies with us (blocked, spam, authentication, rate) says nothing of the address.
_OF_THE_ADDRESS = frozenset(
    {"expired", "exceedlimit", "filtered", "mailboxfull", "mailererror", "networkerror", "onhold", "suspend", "systemerror", "systemfull"}
    | {"undefined"}
)


def counts(reason: str) -> bool:
    """Does a failure for this reason count against the address?"""
    return reason in _OF_THE_ADDRESS


def applied(own: Policy | None, bound: Policy | None) -> Policy:
    """The policy that applies: the tenant's own or the usual one, never laxer than the reseller's bound."""
    wanted, laxest = own or USUAL, bound or LAXEST
    return Policy(min(wanted.bounces, laxest.bounces), max(wanted.days, laxest.days))


def is_possible(policy: Policy) -> bool:
    """Is this a policy at all?"""
    return FEWEST <= policy.bounces <= MOST and SHORTEST_DAYS <= policy.days <= LONGEST_DAYS
