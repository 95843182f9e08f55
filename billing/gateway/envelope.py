"""Reads the little that is believed of an event's body: which event, of what kind, about which customer, of which account and mode."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

# Whatever says something about a customer's subscription or its payment. Each leads to the same: look at what is there now.
KINDS = [
    "checkout.session.completed",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.updated",
    "invoice.finalized",
    "invoice.marked_uncollectible",
    "invoice.paid",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.payment_succeeded",
    "invoice.voided",
]

_EVENT = re.compile(r"[A-Za-z0-9_]{3,255}")
_KIND = re.compile(r"[a-z0-9_.]{1,100}")
_CUSTOMER = re.compile(r"cus_[A-Za-z0-9_]{1,250}")


class Unreadable(Exception):
    """The body isn't an event. The text says why, for the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The outside of an event. `customer` is None when it's about none; `account` is set on events of connected accounts."""

    event_id: str
    kind: str
    livemode: bool
    account: str | None
    customer: str | None


def read(body: bytes) -> Envelope:
    """Read an event's outside from its verified body. Raises: Unreadable."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("the body isn't JSON") from error
    if not isinstance(found, dict) or found.get("object") != "event":
        raise Unreadable("the body isn't an event")
    event_id, kind, livemode, account = (found.get(name) for name in ("id", "type", "livemode", "account"))
    if not isinstance(event_id, str) or not _EVENT.fullmatch(event_id) or not isinstance(kind, str) or not _KIND.fullmatch(kind):
        raise Unreadable("the event's id or type is missing")
    if not isinstance(livemode, bool):
        raise Unreadable("the event doesn't say its mode")
    return Envelope(
        event_id=event_id,
        kind=kind,
        livemode=livemode,
        account=account if isinstance(account, str) else None,
        customer=_customer(found.get("data")),
    )


def _customer(data: Any) -> str | None:
    about = data.get("object") if isinstance(data, dict) else None
    if not isinstance(about, dict):
        return None
    found = about.get("id") if about.get("object") == "customer" else about.get("customer")
    # An account may have customers expanded in its events; then the id stands inside.
    found = found.get("id") if isinstance(found, dict) else found
    return found if isinstance(found, str) and _CUSTOMER.fullmatch(found) else None


def ignored_because(envelope: Envelope, *, stripe_account: str, livemode: bool) -> str | None:
    """Say why an event is kept but not acted upon; None when it is to be acted upon (threat I2, row 85)."""
    if envelope.livemode != livemode:
        return "other_mode"
    if envelope.account not in {None, stripe_account}:
        return "other_account"
    if envelope.kind not in KINDS:
        return "unknown_kind"
    return None if envelope.customer else "no_customer"
