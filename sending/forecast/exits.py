"""Reads by which pools a campaign leaves, how much by each, and who else sends by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.scope import Scope
from posthouse.sending.forecast.ceilings import RouteFacts, pace_cap, walked
from posthouse.sending.forecast.routes import STREAM, pace_of, routes_of
from posthouse.sending.forecast.rules import EVERYBODY, Exit, Neighbour
from posthouse.sending.pools.choices import pool_of_message, pools_by_group

_NEIGHBOURS = sa.text("SELECT o_weight, o_waiting, o_same FROM sending_neighbours(:pool, :tenant)")
Shares = Mapping[str, float]


@dataclass(slots=True)
class Part:
    """What of a campaign leaves by one pool: `share` of its recipients, `groups` of which make this part of all recipients."""

    pool_id: int | None
    share: float = 0.0
    groups: dict[str, float] = field(default_factory=dict)

    def mixture(self) -> Shares:
        """Return which part each group is of those who are reached by this pool."""
        return {group: share / self.share for group, share in self.groups.items()} or EVERYBODY


@dataclass(frozen=True, slots=True)
class Way:
    """One pool's part on the walk, and how many messages a second the pool carries and may carry."""

    exit: Exit
    per_second: float


def parts_of(scope: Scope, campaign_id: int, shares: Shares) -> list[Part]:
    """Say which part of a campaign leaves by which pool; `shares` by mailbox provider, empty where nobody asked for them."""
    found: dict[int | None, Part] = {}
    for group, share in (shares or EVERYBODY).items():
        pool_id = pool_of_message(scope, stream=STREAM, campaign_id=campaign_id, group=group)
        part = found.setdefault(pool_id, Part(pool_id))
        part.share += share
        part.groups[group] = share
    return list(found.values())


def by_provider(scope: Scope) -> bool:
    """Say whether the pool depends on the recipient's mailbox provider, as far as a campaign doesn't choose."""
    return bool(pools_by_group(scope, stream=STREAM))


def neighbours_of(scope: Scope, parts: list[Part]) -> list[list[Neighbour]]:
    """Return who else has mail in the pool of each part.

    The same reseller's tenants send by the same pools: each by the one in which it was last seen, and by the others as this campaign does.
    """
    found = [session(scope).execute(_NEIGHBOURS, {"pool": part.pool_id, "tenant": scope.tenant}).all() for part in parts]
    same = [row for rows in found for row in rows if row.o_same]
    return [
        [
            *(Neighbour(row.o_weight, row.o_waiting) for row in rows if not row.o_same),
            *(Neighbour(row.o_weight, row.o_waiting * part.share) for row in same),
        ]
        for rows, part in zip(found, parts, strict=True)
    ]


def routes_by_pool(scope: Scope, parts: list[Part]) -> dict[int, list[RouteFacts]]:
    """Return the live routes of each part's pool."""
    return {part.pool_id: routes_of(scope, part.pool_id) for part in parts if part.pool_id is not None}


def way(scope: Scope, part: Part, waiting: float, neighbours: list[Neighbour], routes: list[RouteFacts], *, at_work: bool) -> Way | None:
    """Return what the walk needs of a part; None where nobody knows what its pool carries."""
    carried = pace_of(scope, part.pool_id, busy=bool(neighbours) or at_work) if part.pool_id is not None else 0.0
    if not carried:
        return None
    mixture = part.mixture()
    made = Exit(
        waiting=waiting * part.share,
        per_second=carried,
        neighbours=neighbours,
        routes=walked(routes, tuple(mixture), clock.now()),
        shares=mixture,
    )
    return Way(made, min(carried, pace_cap(routes, mixture)))
