"""Decide which states a subscription may go to, and who may bring it there."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a contact's consent to a list stands. Only SUBSCRIBED is written to."""

    SUBSCRIBED = "subscribed"
    UNCONFIRMED = "unconfirmed"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


# Sources behind which the person acts, not the tenant: only they may undo an unsubscription.
OWN_ACTS = frozenset({"confirmation", "form", "preferences"})
ENDED = frozenset({State.UNSUBSCRIBED, State.BOUNCED, State.COMPLAINED})
STATE_BY_REASON = {
    "hard_bounce": State.BOUNCED,
    "complaint": State.COMPLAINED,
    "unsubscribe": State.UNSUBSCRIBED,
    "erasure": State.UNSUBSCRIBED,
}


def may_subscribe(state: str | None, *, source: str) -> bool:
    """Say whether a contact in this state (None: not on the list) may be subscribed by the source."""
    return state not in ENDED or source in OWN_ACTS
