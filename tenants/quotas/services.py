"""Change the ledger: set limits, reserve before sending, settle after. Exact with any number of workers."""

from __future__ import annotations

from posthouse.platform import audit, clock
from posthouse.platform.db import session
from posthouse.platform.errors import Forbidden, Invalid
from posthouse.platform.permissions import require
from posthouse.platform.scope import Reach, Scope
from posthouse.platform.statements import rows
from posthouse.tenants.quotas import permissions
from posthouse.tenants.quotas.ledger import LOCK_AGAIN, RESERVE, SETTLE, STATEMENTS, lock_windows, starts
from posthouse.tenants.quotas.rules import Grant, Layer, Period, grant, window_start

MOST = 10**12  # a limit above this is a slip of the finger


def set_allowance(scope: Scope, *, layer: str, owner_id: int | None, period: str, allowed: int | None) -> None:
    """Set how many messages may leave in a period, from the present window on; None is no limit. May be repeated.

    A tenant's is set in the tenant's own scope, a reseller's and the installation's (`owner_id` None) in the operator's.
    Below what was taken already nothing more is granted until the window ends. Raises: Invalid, Forbidden.
    """
    at, kind = _checked(scope, layer, owner_id), _period(period)
    if allowed is not None and not 0 <= allowed <= MOST:
        raise Invalid("allowance_out_of_range", f"An allowance is a whole number from 0 to {MOST:,}.", field="allowed")
    live, now = session(scope), clock.now()
    values = {"owner": owner_id, "period": kind.value, "allowed": allowed, "starts_at": window_start(kind, now)}
    live.execute(STATEMENTS[at].unlimit if allowed is None else STATEMENTS[at].limit, values)
    live.execute(STATEMENTS[at].make, {"owner": owner_id, **starts(now)})
    live.execute(STATEMENTS[at].resize, values)
    audit.record(scope, verb="quota.set", subject=at.value, subject_id=owner_id, period=kind.value, allowed=allowed)


def _checked(scope: Scope, layer: str, owner_id: int | None) -> Layer:
    if layer not in set(Layer):
        raise Invalid("no_such_layer", "A limit is the operator's, a reseller's or a tenant's.", field="layer")
    at = Layer(layer)
    require(scope, permissions.SET if at is Layer.TENANT else permissions.SET_ABOVE)
    if at is Layer.TENANT and (scope.reach is not Reach.TENANT or scope.tenant_id != owner_id):
        raise Forbidden("not_in_this_tenant", "A tenant's limits are set from within that tenant.")
    if (at is Layer.OPERATOR) != (owner_id is None):
        raise Invalid("wrong_owner", "Name the reseller or tenant whose limit it is; the installation's has no owner.", field="owner_id")
    return at


def _period(period: str) -> Period:
    if period not in set(Period):
        raise Invalid("no_such_period", "A period is a month, a day or an hour.", field="period")
    return Period(period)


def reserve(scope: Scope, *, lease_id: int, wanted: int) -> Grant:
    """Take up to `wanted` messages from all windows at once, in the claim's transaction; may grant fewer, or none.

    The windows stay locked until that transaction ends, so do it last. Once a lease. Raises: nothing of ours; a broken
    limit would be the database's CHECK.
    """
    now = clock.now()
    granted = grant(wanted, lock_windows(scope, now))
    if granted.amount > 0:
        values = {"reseller": scope.reseller, "tenant": scope.tenant, "lease": lease_id, "amount": granted.amount, "at": now}
        rows(scope, RESERVE, {**values, **starts(now)})
    return granted


def settle(scope: Scope, *, lease_id: int, used: int) -> bool:
    """Turn a lease's reservation into `used` and release the rest, in the windows that it was taken from.

    Returns False when it was settled before (nothing changes) or never reserved.
    """
    values = {"reseller": scope.reseller, "tenant": scope.tenant, "lease": lease_id, "used": used, "at": clock.now()}
    rows(scope, LOCK_AGAIN, values)
    return bool(rows(scope, SETTLE, values)[0].settled)
