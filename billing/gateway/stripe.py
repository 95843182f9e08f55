"""Stripe through its own SDK: the only file that knows it. Each failure of theirs comes out as one of ours.

Never called inside a transaction. Calls that make something take a key, so that one that is repeated makes it once. The SDK
is loaded by the first call: most processes, and most installations, never make one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from posthouse.billing.gateway.cards import AccountSeen, CheckoutOpened, EndpointMade, EventSeen, InvoiceCard, PriceMade
from posthouse.billing.money import Money
from posthouse.billing.subscriptions.rules import Facts
from posthouse.platform.db import in_transaction
from posthouse.platform.errors import AppError, Conflict, Invalid, OutsideFailure

if TYPE_CHECKING:
    import stripe as sdk

TIMEOUT_SECONDS = 20
# Stripe's SDK repeats what is safe to repeat (broken connections, 409, 5xx) with its own growing delays.
RETRIES = 2
PAGE = 100
PRODUCTION = "https://api.stripe.com"


class Stripe:
    """One account's calls; `with Stripe(key, base=…) as stripe:` closes its connections at the end."""

    def __init__(self, api_key: str, *, base: str = PRODUCTION, retries: int = RETRIES) -> None:
        if in_transaction():
            raise RuntimeError("Stripe is never spoken to inside a transaction")
        import stripe as sdk  # noqa: PLC0415 - see above

        self._http = sdk.RequestsClient(timeout=TIMEOUT_SECONDS)
        self._v1 = sdk.StripeClient(api_key, base_addresses={"api": base}, max_network_retries=retries, http_client=self._http).v1
        self._livemode = api_key.split("_")[1:2] == ["live"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.close()  # type: ignore[no-untyped-call]

    def account(self) -> AccountSeen:
        """Say whose key this is. Raises: Invalid for a key that Stripe refuses, OutsideFailure."""
        with _translated():
            found = self._v1.accounts.retrieve_current()
        shown = found.settings.dashboard.display_name if found.settings else None
        return AccountSeen(stripe_account=found.id, livemode=self._livemode, name=shown or "")

    def make_endpoint(self, url: str, kinds: list[str], *, key: str) -> EndpointMade:
        """Have Stripe send these kinds of events to the address. Raises: Invalid, OutsideFailure."""
        with _translated():
            made = self._v1.webhook_endpoints.create(
                {"url": url, "enabled_events": kinds},  # type: ignore[typeddict-item]
                options={"idempotency_key": key},
            )
        if not made.secret:
            raise OutsideFailure("stripe_answered_oddly", "Stripe made the webhook endpoint but named no secret. Try again.")
        return EndpointMade(endpoint_id=made.id, secret=made.secret)

    def drop_endpoint(self, endpoint_id: str) -> None:
        """Have Stripe send no more; an endpoint that's gone already is no failure. Raises: OutsideFailure."""
        try:
            with _translated():
                self._v1.webhook_endpoints.delete(endpoint_id)
        except Invalid as refusal:
            if refusal.facts.get("stripe_code") != "resource_missing":
                raise

    def make_price(self, name: str, price: Money, interval: str, *, key: str) -> PriceMade:
        """Make a product with one recurring price. Raises: Invalid, OutsideFailure."""
        with _translated():
            product = self._v1.products.create({"name": name}, options={"idempotency_key": f"{key}-product"})
            made = self._v1.prices.create(
                {"product": product.id, "currency": price.currency, "unit_amount": price.minor, "recurring": {"interval": interval}},
                options={"idempotency_key": f"{key}-price"},
            )
        return PriceMade(product_id=product.id, price_id=made.id)

    def make_customer(self, name: str, *, email: str | None, key: str) -> str:
        """Make a customer; returns its id. Raises: Invalid, OutsideFailure."""
        with _translated():
            values: Any = {"name": name, **({"email": email} if email else {})}
            return self._v1.customers.create(values, options={"idempotency_key": key}).id

    def open_checkout(self, customer_id: str, price_id: str, *, success_url: str, cancel_url: str, key: str) -> CheckoutOpened:
        """Open a page on which the customer subscribes to one price. Raises: Invalid, OutsideFailure."""
        with _translated():
            made = self._v1.checkout.sessions.create(
                {
                    "mode": "subscription",
                    "customer": customer_id,
                    "line_items": [{"price": price_id, "quantity": 1}],
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                },
                options={"idempotency_key": key},
            )
        if not made.url:
            raise OutsideFailure("stripe_answered_oddly", "Stripe opened the checkout but named no address. Try again.")
        return CheckoutOpened(session_id=made.id, url=made.url, expires_at=_at(made.expires_at))

    def close_checkout(self, session_id: str) -> None:
        """Let nobody pay on a page any more. Raises: Conflict when somebody has just paid on it, OutsideFailure."""
        with _translated():
            found = self._v1.checkout.sessions.retrieve(session_id)
        if found.status == "complete":
            raise Conflict("checkout_completed", "The checkout that was open has just been paid. Reload the page to see the subscription.")
        if found.status == "open":
            with _translated():
                self._v1.checkout.sessions.expire(session_id)

    def open_portal(self, customer_id: str, *, return_url: str) -> str:
        """Open the page on which a customer changes cards and ends subscriptions; returns its address. Raises: Invalid, OutsideFailure."""
        with _translated():
            return self._v1.billing_portal.sessions.create({"customer": customer_id, "return_url": return_url}).url

    def subscriptions(self, customer_id: str) -> list[Facts]:
        """Return all of a customer's subscriptions as they are now, ended ones too. Raises: OutsideFailure."""
        with _translated():
            found = self._v1.subscriptions.list({"customer": customer_id, "status": "all", "limit": PAGE})
            return [self._facts(one) for one in found.auto_paging_iter() if one["items"].data]

    def _facts(self, found: sdk.Subscription) -> Facts:
        item = found["items"].data[0]
        return Facts(
            subscription_id=found.id,
            status=found.status,
            price_id=item.price.id,
            price=Money(item.price.unit_amount or 0, item.price.currency),
            created_at=_at(found.created),
            period_start=_at(item.current_period_start),
            period_end=_at(item.current_period_end),
            unpaid_since=self._unpaid_since(found) if found.status in {"past_due", "unpaid"} else None,
            trial_ends_at=_at(found.trial_end) if found.trial_end else None,
            cancels_at=_at(found.cancel_at) if found.cancel_at else None,
        )

    def _unpaid_since(self, found: sdk.Subscription) -> datetime | None:
        owed = self._v1.invoices.list({"subscription": found.id, "status": "open", "limit": PAGE})
        return min((_at(one.created) for one in owed.auto_paging_iter()), default=None)

    def invoices(self, customer_id: str, *, limit: int = 24) -> list[InvoiceCard]:
        """Return a customer's invoices, newest first, drafts left out. Raises: OutsideFailure."""
        with _translated():
            found = self._v1.invoices.list({"customer": customer_id, "limit": limit}).data
        return [_invoice(one) for one in found if one.status not in {None, "draft"}]

    def events(self, kinds: list[str], *, since: datetime) -> Iterator[EventSeen]:
        """Yield the events of these kinds since then, newest first; Stripe keeps them for 30 days. Raises: OutsideFailure."""
        with _translated():
            listed = self._v1.events.list({"types": kinds, "created": {"gte": int(since.timestamp())}, "limit": PAGE})
            for found in listed.auto_paging_iter():
                body = json.dumps(found.to_dict(), ensure_ascii=False, default=str).encode()
                yield EventSeen(event_id=found.id, kind=found.type, made_at=_at(found.created), body=body)


def _invoice(found: sdk.Invoice) -> InvoiceCard:
    return InvoiceCard(
        invoice_id=found.id,
        number=found.number,
        status=found.status or "",
        total=Money(found.total, found.currency),
        due=Money(found.amount_remaining, found.currency),
        made_at=_at(found.created),
        period_start=_at(found.period_start),
        period_end=_at(found.period_end),
        page=found.hosted_invoice_url,
        pdf=found.invoice_pdf,
    )


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn every failure of the SDK into one of ours, without the key or the customer's data in it."""
    import stripe as sdk  # noqa: PLC0415 - see above

    try:
        yield
    except AppError:
        raise
    except (sdk.AuthenticationError, sdk.PermissionError) as error:
        text = "Stripe refuses this API key. Copy a secret or restricted key that may read and write billing from Stripe's dashboard."
        raise Invalid("stripe_key_refused", text, field="api_key") from error
    except sdk.RateLimitError as error:
        raise OutsideFailure("stripe_busy", "Stripe asks us to slow down. Try again in a minute.") from error
    except sdk.InvalidRequestError as error:
        text = "Stripe refused what we asked for. If it goes on, check that the price and the customer still exist in Stripe's dashboard."
        raise Invalid("stripe_refused", text, stripe_code=error.code, param=error.param) from error
    except sdk.StripeError as error:
        text = "Stripe can't be reached or failed. Nothing was changed; try again in a minute."
        raise OutsideFailure("stripe_unreachable", text, stripe_code=error.code) from error
