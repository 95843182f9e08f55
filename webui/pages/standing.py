"""How a reseller's tenants do: figures put together from what the rooms have added up, and what of it calls for action; no I/O in the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from posthouse.billing.subscriptions import queries as subscriptions
from posthouse.platform.scope import Scope
from posthouse.sending.volumes import queries as volumes
from posthouse.sending.volumes.queries import Volume
from posthouse.tenants.accounts import queries as accounts
from posthouse.tenants.quotas import queries as quotas

# Where mailbox providers begin to refuse: complaints from 0.1 %, with 0.3 % never to be reached; bounces from 5 and 10 %.
COMPLAINTS_WARN, COMPLAINTS_BAD = 0.001, 0.003
BOUNCES_WARN, BOUNCES_BAD = 0.05, 0.10
FEWEST = 200  # below this a share says nothing
NEARLY = 0.9


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that calls for action. `kind` is bad or warn."""

    kind: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Line:
    """One tenant with its figures of 7 and of 30 days, its use and its plan."""

    tenant: accounts.TenantCard
    week: Volume
    month: Volume
    use: quotas.OverviewCard
    plan: subscriptions.OverviewCard | None
    alerts: tuple[Alert, ...] = ()

    @property
    def used_share(self) -> float:
        """How much of the month's allowance is used, 0 without a limit."""
        return self.use.used / self.use.allowed if self.use.allowed else 0.0


def gather(scope: Scope) -> list[Line]:
    """Put together a line for each of the reseller's tenants, in four queries whatever their number."""
    week, month = volumes.by_tenant(scope, days=7), volumes.by_tenant(scope, days=30)
    uses, plans = quotas.overview(scope), subscriptions.overview(scope)
    none, nothing = Volume(), quotas.OverviewCard(0, None, 0, None)
    lines = [
        Line(one, week.get(one.id, none), month.get(one.id, none), uses.get(one.id, nothing), plans.get(one.id))
        for one in accounts.list_tenants(scope)
    ]
    return [Line(one.tenant, one.week, one.month, one.use, one.plan, tuple(judge(one))) for one in lines]


def judge(line: Line) -> Iterable[Alert]:
    """Say what of a tenant calls for action, worst first."""
    found = [*_state(line), *_mail(line.week), *_use(line.use)]
    return sorted(found, key=lambda one: one.kind != "bad")


def _state(line: Line) -> Iterable[Alert]:
    state, reason = line.tenant.state, line.tenant.state_reason
    if state in {"paused", "suspended"}:
        yield Alert("bad", f"{state.capitalize()}: mail waits. {reason}".strip())
    elif state == "grace":
        yield Alert("warn", f"In grace: mail still goes out. {reason}".strip())


def _mail(week: Volume) -> Iterable[Alert]:
    if week.tried < FEWEST:
        return
    complaints, bounces = week.complained / max(week.delivered, 1), week.lost / week.tried
    if complaints >= COMPLAINTS_WARN:
        yield Alert("bad" if complaints >= COMPLAINTS_BAD else "warn", f"{complaints:.2%} complaints in 7 days; 0.30% must not be reached.")
    if bounces >= BOUNCES_WARN:
        yield Alert("bad" if bounces >= BOUNCES_BAD else "warn", f"{bounces:.1%} bounces in 7 days: look at where the list comes from.")


def _use(use: quotas.OverviewCard) -> Iterable[Alert]:
    if use.allowed is not None and use.used >= use.allowed:
        yield Alert("warn", "The month's allowance is used up; the rest waits.")
    elif use.allowed and use.used >= use.allowed * NEARLY:
        yield Alert("warn", f"{use.used / use.allowed:.0%} of the month's allowance is used.")
    if use.contacts_allowed is not None and use.contacts_stored >= use.contacts_allowed:
        yield Alert("warn", "All contacts of the plan are in use; new ones are refused.")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else -1.0


SORTS: dict[str, Callable[[Line], Any]] = {
    "alerts": lambda line: (any(one.kind == "bad" for one in line.alerts), len(line.alerts)),
    "bounced": lambda line: _share(line.month.lost, line.month.tried),
    "complained": lambda line: _share(line.month.complained, line.month.delivered),
    "delivered": lambda line: _share(line.month.delivered, line.month.tried),
    "name": lambda line: line.tenant.name.casefold(),
    "plan": lambda line: line.plan.plan.casefold() if line.plan else "",
    "sent": lambda line: line.month.sent,
    "state": lambda line: line.tenant.state,
    "used": lambda line: line.used_share,
}
# Where the largest are the most telling, a first click shows them first.
RISING = frozenset({"name", "plan", "state"})


@dataclass(frozen=True, slots=True)
class Order:
    """How the lines are sorted."""

    by: str
    falling: bool


def read_order(by: str, direction: str) -> Order:
    """Read an order from an address; what is not known is the usual one, what calls for action first."""
    if by not in SORTS:
        return Order("alerts", falling=True)
    return Order(by, falling=direction == "down" if direction in {"up", "down"} else by not in RISING)


def sort(lines: Iterable[Line], order: Order) -> list[Line]:
    """Sort by one figure; equal ones stand by name."""
    return sorted(sorted(lines, key=SORTS["name"]), key=SORTS[order.by], reverse=order.falling)
