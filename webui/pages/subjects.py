"""What an entry of the audit is about, by its name, with a way there for those who may look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import current_app, url_for

from posthouse.billing.plans.queries import get_plan
from posthouse.inbound.learning.queries import get_rule
from posthouse.platform import ids
from posthouse.platform.audit import Entry
from posthouse.platform.errors import Forbidden, Missing
from posthouse.platform.permissions import Permission, holds
from posthouse.platform.scope import Reach, Scope
from posthouse.sending.campaigns.queries import get_campaign
from posthouse.sending.domains.queries import get_domain
from posthouse.sending.pools.queries import get_pool, get_route
from posthouse.tenants.accounts.queries import get_reseller, get_tenant
from posthouse.tenants.contacts.queries import get_contact
from posthouse.tenants.imports.queries import get_import
from posthouse.tenants.lists.queries import get_list
from posthouse.tenants.people.queries import find_user
from posthouse.webui.edge.access import access_of
from posthouse.webui.webhooks.queries import get_endpoint


@dataclass(frozen=True, slots=True)
class Named:
    """A thing by its name, or by its outward id where it has none (any more). `url` empty: there is no way there for this reader."""

    name: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a thing is named, and by whom it may be. `argument` is what its page calls its id; empty for a page of many."""

    prefix: str
    reaches: frozenset[Reach]
    name: Callable[[Scope, int], str]
    endpoint: str = ""
    argument: str = ""


_TENANT, _RESELLER, _OPERATOR = (frozenset({reach}) for reach in (Reach.TENANT, Reach.RESELLER, Reach.OPERATOR))


def _person(scope: Scope, user_id: int) -> str:
    found = find_user(scope, user_id)
    return found.email if found else ""


_KINDS: Mapping[str, _Kind] = {
    "campaign": _Kind("cmp", _TENANT, lambda scope, one: get_campaign(scope, one).name, "reports.show", "campaign_id"),
    "contact": _Kind("con", _TENANT, lambda scope, one: get_contact(scope, one).email, "contacts.show", "contact_id"),
    "domain": _Kind("dom", _TENANT, lambda scope, one: get_domain(scope, one).domain, "domains.show", "domain_id"),
    "import": _Kind("imp", _TENANT, lambda scope, one: get_import(scope, one).file_name, "imports.show", "import_id"),
    "list": _Kind("lst", _TENANT, lambda scope, one: get_list(scope, one).name, "lists.show", "list_id"),
    "webhook": _Kind("whk", _TENANT, lambda scope, one: get_endpoint(scope, one).url, "webhooks.show", "endpoint_id"),
    "plan": _Kind("pln", _RESELLER, lambda scope, one: get_plan(scope, one).name, "selling.index"),
    "tenant": _Kind("tnt", _RESELLER, lambda scope, one: get_tenant(scope, one).name, "reseller.tenant", "tenant_id"),
    "reseller": _Kind("rsl", _OPERATOR, lambda scope, one: get_reseller(scope, one).name, "operator.reseller", "reseller_id"),
    "pool": _Kind("pol", _OPERATOR, lambda scope, one: get_pool(scope, one).name, "pools.index"),
    "route": _Kind("rte", _OPERATOR, lambda scope, one: get_route(scope, one).name, "ways.show", "route_id"),
    "learned_rule": _Kind("rul", _OPERATOR, lambda scope, one: get_rule(scope, rule_id=one).name, "rules.show", "rule_id"),
    "user": _Kind("usr", _TENANT | _RESELLER | _OPERATOR, _person),
}
# Facts that hold a number which says nothing to people, by what it is the number of.
_FACTS = {"list_id": "list", "tenant_id": "tenant", "reseller": "reseller", "pool": "pool", "overflow": "pool"}
# The place that keeps the log: that it is about this very account goes without saying.
_OWN = {Reach.TENANT: "tenant", Reach.RESELLER: "reseller"}


def name_all(scope: Scope, entries: Iterable[Entry]) -> dict[tuple[str, int], Named]:
    """Name everything that the entries speak of, each thing once. Needs an open transaction."""
    wanted = {(one.subject, one.subject_id) for one in entries if one.subject_id is not None}
    wanted |= {pair for one in entries for pair in numbers(one).values()}
    return {(kind, number): _named(scope, kind, number) for kind, number in wanted if kind in _KINDS and _OWN.get(scope.reach) != kind}


def numbers(entry: Entry) -> dict[str, tuple[str, int]]:
    """Return those facts of an entry that are a thing's number, as its kind and number."""
    found = {key: (_FACTS[key], value) for key, value in entry.facts.items() if key in _FACTS}
    return {key: (kind, value) for key, (kind, value) in found.items() if isinstance(value, int)}


def _named(scope: Scope, subject: str, number: int) -> Named:
    kind = _KINDS[subject]
    known = ids.encode(kind.prefix, number)
    if scope.reach not in kind.reaches:
        return Named(known)
    try:
        name = kind.name(scope, number)
    except (Missing, Forbidden):
        return Named(known)
    return Named(name or known, _url(scope, kind, number))


def _url(scope: Scope, kind: _Kind, number: int) -> str:
    if not kind.endpoint:
        return ""
    access = access_of(current_app, kind.endpoint)
    if not isinstance(access, Permission) or not holds(scope, access):
        return ""
    values: dict[str, Any] = {kind.argument: number} if kind.argument else {}
    return url_for(kind.endpoint, **values)
