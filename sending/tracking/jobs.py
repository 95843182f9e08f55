"""Sorts visits from the edge into their tenants: marks machines, counts, tells what happened first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa

from posthouse.platform.db import session, transaction
from posthouse.platform.events import emit
from posthouse.platform.scope import Actor, Scope, for_tenant
from posthouse.sending.campaigns import counting
from posthouse.sending.campaigns.counting import Tally
from posthouse.sending.events import MessageClicked, MessageOpened
from posthouse.sending.messages import history
from posthouse.sending.messages.history import Happening
from posthouse.sending.tracking import engagement, rules
from posthouse.sending.tracking.engagement import Visits
from posthouse.sending.tracking.hits import Hit
from posthouse.sending.tracking.queries import MessageFacts, facts_of
from posthouse.tenants.accounts.queries import place_of

GROUP = 5_000
_TENANTS = sa.text("SELECT DISTINCT for_tenant_id FROM tracking_hit LIMIT 500")
# Taken and applied in one transaction: a hit is counted once or is still there.
_TAKE = sa.text(
    "DELETE FROM tracking_hit WHERE id IN (SELECT id FROM tracking_hit WHERE for_tenant_id = :tenant ORDER BY id LIMIT :size)"
    " RETURNING message_id, kind, revision_id, link, machine, at"
)
_KINDS = {
    ("open", True): (counting.OPENS, counting.OPENED),
    ("click", True): (counting.CLICKS, counting.CLICKED),
    ("open", False): (counting.MACHINE_OPENS, ""),
    ("click", False): (counting.MACHINE_CLICKS, ""),
}


def sort_hits(scope: Scope) -> None:
    """Sort all visits that wait, tenant by tenant, each group in one transaction of its tenant. Harmless when run twice."""
    with transaction(scope):
        tenant_ids = list(session(scope).execute(_TENANTS).scalars())
        places = {tenant_id: place_of(scope, tenant_id) for tenant_id in tenant_ids}
    for tenant_id, place in places.items():
        if place is None:
            with transaction(scope):
                session(scope).execute(sa.text("DELETE FROM tracking_hit WHERE for_tenant_id = :tenant"), {"tenant": tenant_id})
            continue
        inside = for_tenant(
            reseller_id=place.reseller_id,
            tenant_id=tenant_id,
            actor=Actor("job", None, "sort_hits"),
            reason=scope.reason,
            request_id=scope.request_id,
        )
        while _sort_group(inside) == GROUP:
            pass


def _sort_group(scope: Scope) -> int:
    with transaction(scope):
        rows = session(scope).execute(_TAKE, {"tenant": scope.tenant, "size": GROUP}).all()
        hits = [Hit(scope.tenant, row.message_id, row.kind, row.at, row.revision_id, row.link, row.machine) for row in rows]
        apply(scope, hits)
    return len(hits)


def apply(scope: Scope, hits: Sequence[Hit]) -> None:
    """Count a group of one tenant's visits; those of unknown messages, or with another message's revision, count for nothing."""
    facts = facts_of(scope, list({hit.message_id for hit in hits}))
    known = [hit for hit in hits if hit.message_id in facts and hit.revision_id in {None, facts[hit.message_id].revision_id}]
    scanned = _scanned_messages(known)
    visits: dict[tuple[int, str], Visits] = {}
    tallies: list[Tally] = []
    for hit in sorted(known, key=lambda each: each.at):
        person = not _machine(hit, scanned)
        seen = visits.setdefault((hit.message_id, hit.kind), Visits(last_at=hit.at))
        seen.last_at = hit.at
        if person:
            seen.people += 1
            seen.first_at = seen.first_at or hit.at
        else:
            seen.machines += 1
        tallies += _tally(hit, facts[hit.message_id], _KINDS[(hit.kind, person)][0], link=hit.link)
    first = engagement.add(scope, visits)
    happenings: list[Happening] = []
    for hit in sorted(known, key=lambda each: each.at):
        key = (hit.message_id, hit.kind)
        if key in first and not _machine(hit, scanned) and hit.at == visits[key].first_at:
            first -= {key}
            happenings.append(_happening(hit))
            tallies += _tally(hit, facts[hit.message_id], _KINDS[(hit.kind, True)][1], link=None)
            emit(scope, MessageOpened(hit.message_id) if hit.kind == "open" else MessageClicked(hit.message_id, hit.link or 0))
    history.add(scope, happenings)
    counting.add(scope, tallies)


def _happening(hit: Hit) -> Happening:
    done = _KINDS[(hit.kind, True)][1]
    return Happening(hit.message_id, done, hit.at, "" if hit.link is None else f"Link {hit.link}")


def _machine(hit: Hit, scanned: frozenset[int]) -> bool:
    return bool(hit.machine) or (hit.kind == "click" and hit.message_id in scanned)


def _scanned_messages(hits: Sequence[Hit]) -> frozenset[int]:
    clicks: dict[int, list[tuple[int, object]]] = defaultdict(list)
    for hit in hits:
        if hit.kind == "click":
            clicks[hit.message_id].append((hit.link or 0, hit.at))
    return frozenset(message_id for message_id, made in clicks.items() if rules.bursts(made))  # type: ignore[arg-type]


def _tally(hit: Hit, facts: MessageFacts, kind: str, *, link: int | None) -> list[Tally]:
    if facts.campaign_id is None:
        return []
    return [Tally(campaign_id=facts.campaign_id, kind=kind, at=hit.at, domain=facts.domain, link=link)]
