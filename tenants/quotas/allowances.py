"""What a tenant is allowed at any time: contacts to keep, and its weight where many share. Set from plans, read by whoever is bound."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from posthouse.platform import audit
from posthouse.platform.db import session
from posthouse.platform.errors import Invalid, LimitReached
from posthouse.platform.events import emit
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants.events import WeightChanged
from posthouse.tenants.quotas import permissions
from posthouse.tenants.quotas.models import TenantAllowance
from posthouse.tenants.quotas.services import MOST

_MAKE = sa.text("INSERT INTO tenant_allowance (tenant_id) VALUES (:tenant) ON CONFLICT (tenant_id) DO NOTHING")


@dataclass(frozen=True, slots=True)
class ContactsCard:
    """How many contacts are kept and may be. `allowed` and `remaining` None: no limit. `full`: no new one is taken."""

    allowed: int | None
    stored: int

    @property
    def remaining(self) -> int | None:
        """How many more there may be; 0 also where the limit was lowered below what is kept."""
        return None if self.allowed is None else max(0, self.allowed - self.stored)

    @property
    def full(self) -> bool:
        """Whether no new contact is taken."""
        return self.remaining == 0


def set_contacts(scope: Scope, allowed: int | None) -> None:
    """Set how many contacts the tenant may keep; None is no limit. Nothing is deleted where more are kept already. May be repeated."""
    require(scope, permissions.SET)
    if allowed is not None and not 0 <= allowed <= MOST:
        raise Invalid("allowance_out_of_range", f"An allowance is a whole number from 0 to {MOST:,}.", field="allowed")
    row = _locked(scope)
    if row.contacts == allowed:
        return
    row.contacts = allowed
    audit.record(scope, verb="contacts_allowance.set", subject="tenant", subject_id=scope.tenant, allowed=allowed)


def set_weight(scope: Scope, weight: int) -> None:
    """Set the tenant's share where many share one way out, 1 to 1000; 1 is usual. May be repeated."""
    require(scope, permissions.SET)
    if not 1 <= weight <= 1000:
        raise Invalid("weight_out_of_range", "The weight lies between 1 and 1000.", field="weight")
    row = _locked(scope)
    if row.weight == weight:
        return
    row.weight = weight
    audit.record(scope, verb="weight.set", subject="tenant", subject_id=scope.tenant, weight=weight)
    emit(scope, WeightChanged(tenant_id=scope.tenant))


def weight(scope: Scope) -> int:
    """Return the tenant's share, for those who share out."""
    return session(scope).scalar(sa.select(TenantAllowance.weight)) or 1


def set_plan(scope: Scope, plan_id: int) -> None:
    """Note which plan gives the tenant what it has, for those who give something by plan. May be repeated."""
    require(scope, permissions.SET)
    _locked(scope).plan_id = plan_id


def plan_of(scope: Scope) -> int | None:
    """Return the plan that the tenant has, None where it never had one."""
    return session(scope).scalar(sa.select(TenantAllowance.plan_id))


def contacts(scope: Scope) -> ContactsCard:
    """Return how many contacts the tenant keeps and may keep; nothing is counted for it."""
    require(scope, permissions.READ)
    row = session(scope).execute(sa.select(TenantAllowance.contacts, TenantAllowance.contacts_stored)).one_or_none()
    return ContactsCard(None, 0) if row is None else ContactsCard(*row)


def stored_contacts(scope: Scope) -> int:
    """Return how many contacts the tenant keeps."""
    return session(scope).scalar(sa.select(TenantAllowance.contacts_stored)) or 0


def lock_room(scope: Scope) -> int | None:
    """Return how many more contacts may be made in this transaction, None without a limit.

    With a limit the meter is held until the transaction ends, so that two at once can't both take the last place.
    """
    statement = sa.select(TenantAllowance.contacts, TenantAllowance.contacts_stored).where(TenantAllowance.contacts.is_not(None))
    row = session(scope).execute(statement.with_for_update()).one_or_none()
    return None if row is None else ContactsCard(*row).remaining


def allowed_contacts(scope: Scope) -> int:
    """Return how many contacts the tenant may keep, where there is a limit."""
    return session(scope).scalar(sa.select(TenantAllowance.contacts)) or 0


def refusal(allowed: int) -> LimitReached:
    """Make the one refusal of a contact above the allowance."""
    return LimitReached(REFUSED, refusal_sentence(allowed), allowed=allowed)


def refusal_sentence(allowed: int) -> str:
    """Say that the allowance is used up and what to do."""
    return f"Your plan allows {allowed:,} contacts, and all are in use. Delete contacts that you do not write to, or take a larger plan."


REFUSED = "contacts_allowance"


def _locked(scope: Scope) -> TenantAllowance:
    live = session(scope)
    live.execute(_MAKE, {"tenant": scope.tenant})
    return live.scalars(sa.select(TenantAllowance).where(TenantAllowance.tenant_id == scope.tenant).with_for_update()).one()
