"""Who acts, for whom, with which permissions, and why. First argument of every service and query; built by edges only."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from enum import StrEnum


class Reach(StrEnum):
    """How far a scope reaches. SYSTEM is the house's own work, PUBLIC an edge before anybody is known."""

    OPERATOR = "operator"
    RESELLER = "reseller"
    TENANT = "tenant"
    SYSTEM = "system"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Actor:
    """The one who acts. `kind` is user, key, job, command, recipient or system; `id` is None where there is no row."""

    kind: str
    id: int | None
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A tenant's scope carries its reseller's id too; a reseller's has no tenant; the operator's has neither."""

    actor: Actor
    reach: Reach
    reseller_id: int | None = None
    tenant_id: int | None = None
    permissions: frozenset[str] = frozenset()
    reason: str
    request_id: str = ""
    origin: str = ""  # where from: a network address or a host name, for the audit

    def __post_init__(self) -> None:
        if self.reach is Reach.TENANT and (self.tenant_id is None or self.reseller_id is None):
            raise ValueError("a tenant's scope names tenant and reseller")
        if self.reach is Reach.RESELLER and (self.reseller_id is None or self.tenant_id is not None):
            raise ValueError("a reseller's scope names the reseller alone")
        if self.reach in {Reach.OPERATOR, Reach.SYSTEM, Reach.PUBLIC} and (self.tenant_id is not None or self.reseller_id is not None):
            raise ValueError("this reach has no tenant and no reseller")

    @property
    def tenant(self) -> int:
        """The tenant's id, where there must be one. Raises: ValueError."""
        if self.tenant_id is None:
            raise ValueError(f"a {self.reach} scope has no tenant")
        return self.tenant_id

    @property
    def reseller(self) -> int:
        """The reseller's id, where there must be one. Raises: ValueError."""
        if self.reseller_id is None:
            raise ValueError(f"a {self.reach} scope has no reseller")
        return self.reseller_id

    def because(self, reason: str) -> Scope:
        """Return the same scope with another reason, for the audit and the log."""
        return replace(self, reason=reason)


ALL_PERMISSIONS = frozenset({"*"})


def system(reason: str) -> Scope:
    """Make the scope of the house's own work (scheduler, relay, sweeps): no tenant's rows are seen."""
    return Scope(
        actor=Actor("system", None, "system"), reach=Reach.SYSTEM, permissions=ALL_PERMISSIONS, reason=reason, request_id=new_request_id()
    )


def public(reason: str, request_id: str | None = None) -> Scope:
    """Make the scope of an edge that does not know yet who is there: look-up functions only."""
    return Scope(actor=Actor("system", None, "public"), reach=Reach.PUBLIC, reason=reason, request_id=request_id or new_request_id())


def for_tenant(*, reseller_id: int, tenant_id: int, actor: Actor, reason: str, request_id: str | None = None) -> Scope:
    """Make the scope of the house's work inside one tenant (jobs, sorting, sending)."""
    return Scope(
        actor=actor,
        reach=Reach.TENANT,
        reseller_id=reseller_id,
        tenant_id=tenant_id,
        permissions=ALL_PERMISSIONS,
        reason=reason,
        request_id=request_id or new_request_id(),
    )


def new_request_id() -> str:
    """Make a short random id that ties log lines, jobs and audit rows of one request together."""
    return secrets.token_hex(8)
