"""What comes back from Stripe, in our own shapes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from posthouse.billing.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSeen:
    """Whose key it is. `livemode` is False for a key that moves no money."""

    stripe_account: str
    livemode: bool
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointMade:
    """A webhook endpoint at Stripe with its secret, which is shown once."""

    endpoint_id: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceMade:
    """A product and its price at Stripe."""

    product_id: str
    price_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutOpened:
    """A page on which a person pays, until it expires."""

    session_id: str
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceCard:
    """An invoice as Stripe shows it now. `page` and `pdf` are addresses at Stripe; None where it has none."""

    invoice_id: str
    number: str | None
    status: str
    total: Money
    due: Money
    made_at: datetime
    period_start: datetime
    period_end: datetime
    page: str | None
    pdf: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSeen:
    """An event from Stripe's own list, with its body as it would have been sent."""

    event_id: str
    kind: str
    made_at: datetime
    body: bytes
