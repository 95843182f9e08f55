"""By which pool mail leaves, and by whose choice.

A message leaves by its campaign's pool, else by the one for its recipient's mailbox provider, else by its tenant's usual one: what
the reseller chose for that tenant, else for the tenant's plan, else the reseller's default. What was taken back from the reseller
counts as not chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending.pools import permissions
from posthouse.sending.pools.models import PlanPool

# Who says which pool is a tenant's usual one for a stream, the strongest first.
BY = ("tenant", "plan", "default")


def usual_sql(*, tenant: str, reseller: str, stream: str) -> tuple[str, str, str]:
    """Return what finds the pool by each of `BY`; the arguments are the statement's own parameters or columns."""
    granted = f"JOIN reseller_pool g ON g.reseller_id = {reseller} AND g.stream = {stream} AND g.pool_id ="
    plan = f"p.reseller_id = {reseller} AND p.plan_id = a.plan_id AND p.stream = {stream}"
    own = f"t.tenant_id = {tenant} AND t.stream = {stream} AND coalesce(g.for_tenant_id, {tenant}) = {tenant}"
    return (
        f"(SELECT t.pool_id FROM tenant_pool t {granted} t.pool_id WHERE {own})",
        f"(SELECT p.pool_id FROM tenant_allowance a JOIN plan_pool p ON {plan} {granted} p.pool_id WHERE a.tenant_id = {tenant})",
        f"(SELECT d.pool_id FROM reseller_pool d WHERE d.reseller_id = {reseller} AND d.stream = {stream} AND d.is_default)",
    )


_USUAL = sa.text(f"SELECT {', '.join(usual_sql(tenant=':tenant', reseller=':reseller', stream=':stream'))}")
# As a claim chooses it: see `sending/delivery/claiming.py`.
_OWN = sa.text(
    "SELECT coalesce((SELECT c.pool_id FROM campaign c JOIN reseller_pool g ON g.pool_id = c.pool_id AND g.reseller_id = :reseller"
    " AND g.stream = :stream WHERE c.tenant_id = :tenant AND c.id = :campaign), (SELECT r.pool_id FROM pool_rule r JOIN reseller_pool g"
    " ON g.pool_id = r.pool_id AND g.reseller_id = r.reseller_id AND g.stream = r.stream"
    " WHERE r.reseller_id = :reseller AND r.stream = :stream AND r.domain_group = :group))"
)


_RULES = sa.text(
    "SELECT r.domain_group, r.pool_id FROM pool_rule r JOIN reseller_pool g ON g.pool_id = r.pool_id AND g.reseller_id = r.reseller_id"
    " AND g.stream = r.stream WHERE r.reseller_id = :reseller AND r.stream = :stream"
)


@dataclass(frozen=True, slots=True)
class UsualCard:
    """A tenant's usual pool for a stream, None where there is none, and whose choice it is: one of `BY`, empty without a pool."""

    pool_id: int | None
    by: str


@dataclass(frozen=True, slots=True)
class PlanPoolCard:
    """By which pool a stream of a plan's tenants leaves."""

    plan_id: int
    stream: str
    pool_id: int


def usual_pool(scope: Scope, *, stream: str) -> UsualCard:
    """Return by which pool the tenant's stream leaves as a rule, and why."""
    row = session(scope).execute(_USUAL, _values(scope, stream)).one()
    return next((UsualCard(pool_id, by) for by, pool_id in zip(BY, row, strict=True) if pool_id is not None), UsualCard(None, ""))


def pool_of_message(scope: Scope, *, stream: str, campaign_id: int | None, group: str) -> int | None:
    """Return by which pool a message to a mailbox provider's recipient leaves; None where there is none."""
    values = {**_values(scope, stream), "campaign": campaign_id, "group": group}
    own: int | None = session(scope).execute(_OWN, values).scalar_one()
    return own if own is not None else usual_pool(scope, stream=stream).pool_id


def pools_by_group(scope: Scope, *, stream: str) -> dict[str, int]:
    """Return the pools by which the mail for some mailbox providers' recipients leaves, unless its campaign has one of its own."""
    found = session(scope).execute(_RULES, {"reseller": scope.reseller, "stream": stream})
    return {row.domain_group: row.pool_id for row in found}


def list_plan_pools(scope: Scope) -> list[PlanPoolCard]:
    """List what the reseller chose by plan."""
    require(scope, permissions.READ)
    query = sa.select(PlanPool.plan_id, PlanPool.stream, PlanPool.pool_id).where(PlanPool.reseller_id == scope.reseller)
    return [PlanPoolCard(*row) for row in session(scope).execute(query.order_by(PlanPool.plan_id, PlanPool.stream))]


def _values(scope: Scope, stream: str) -> dict[str, int | str]:
    return {"tenant": scope.tenant, "reseller": scope.reseller, "stream": stream}
