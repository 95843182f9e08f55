"""An account's key and webhook secrets: sealed in their row, opened only here."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa

from posthouse.billing.errors import no_account
from posthouse.billing.gateway.models import StripeAccount
from posthouse.platform.app import keyring, settings
from posthouse.platform.db import session
from posthouse.platform.scope import Scope

TABLE = "stripe_account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What it takes to speak for an account. The key doesn't show in logs."""

    account_id: int
    api_key: str = field(repr=False)
    base: str


def connected(scope: Scope) -> Access:
    """Return the access to the reseller's connected account. Raises: Conflict when none is."""
    row = session(scope).scalars(sa.select(StripeAccount).where(StripeAccount.state == "connected")).one_or_none()
    if row is None:
        raise no_account()
    return access(row)


def of(scope: Scope, account_id: int) -> Access:
    """Return the access to one of the reseller's accounts, a retired one too. Raises: Conflict."""
    row = session(scope).get(StripeAccount, (scope.reseller, account_id))
    if row is None:
        raise no_account()
    return access(row)


def access(row: StripeAccount) -> Access:
    """Open an account's key."""
    return Access(account_id=row.id, api_key=opened(row, "api_key") or "", base=settings().stripe_api)


def secrets_of(row: StripeAccount) -> list[str]:
    """Return the webhook secrets in use: one, two while it's being replaced, none before the endpoint is made."""
    return [found for column in ("webhook_secret", "webhook_secret_before") if (found := opened(row, column))]


def sealed(row_id: int, column: str, plain: str) -> bytes:
    """Seal a value for its place in an account's row."""
    return keyring().seal(plain.encode(), tenant_id=None, table=TABLE, column=column, row_id=row_id)


def opened(row: StripeAccount, column: str) -> str | None:
    """Open a sealed value; None where there is none."""
    value: bytes | None = getattr(row, column)
    return keyring().unseal(value, tenant_id=None, table=TABLE, column=column, row_id=row.id).decode() if value else None
