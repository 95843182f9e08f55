"""By which pool each message leaves: its campaign's, else the one for its recipients' provider, else the tenant's; for claims.

A lease is one pool's. Where a claim's messages belong to several, the first that may send gives the pool; what belongs to
the others stays as it is and comes with a later turn, unless its pool rests: then it is put off a little, so that it keeps
nobody behind it waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from posthouse.platform.scope import Scope
from posthouse.platform.statements import array, rows
from posthouse.sending.rates.room import Room

# Mail of a pool that rests is looked at again after this.
REST = timedelta(seconds=15)
_WAIT = "UPDATE message SET not_before = %(at)s, reason = %(reason)s WHERE tenant_id = %(tenant)s AND id = ANY (CAST(%(ids)s AS bigint[]))"


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for a tenant's stream: its own pool, those of campaigns, and those for providers' recipients."""

    usual: int | None
    by_campaign: Mapping[int, int]
    by_group: Mapping[str, int]

    @property
    def plain(self) -> bool:
        """Whether everything leaves by one pool."""
        return not self.by_campaign and not self.by_group

    def pool_of(self, campaign_id: int | None, group: str) -> int | None:
        """Return the pool of one message; None where there is none."""
        chosen = self.by_campaign.get(campaign_id) if campaign_id is not None else None
        return chosen or self.by_group.get(group) or self.usual


def choice(around: Any) -> Choice:
    """Read what was chosen from what a claim knows."""
    by_campaign = {int(key): int(pool) for key, pool in (around.chosen or {}).items()}
    return Choice(around.pool_id, by_campaign, {key: int(pool) for key, pool in (around.by_group or {}).items()})


@dataclass(frozen=True, slots=True)
class Picked:
    """The pool that is chosen with its room and its messages; `more`: others are due that belong elsewhere."""

    pool_id: int | None
    room: Room
    rows: Sequence[Any]
    more: bool


def pick(
    scope: Scope,
    chosen: Choice,
    fit: Sequence[Any],
    groups: Mapping[str, str],
    *,
    look: Callable[[int], Room],
    resting: Collection[int],
    now: datetime,
) -> Picked:
    """Sort messages by pool and take the first pool that may send. Puts off what belongs to one that may not."""
    by_pool: dict[int | None, list[Any]] = {}
    for row in fit:
        by_pool.setdefault(chosen.pool_of(row.campaign_id, groups[row.domain]), []).append(row)
    for pool_id, members in by_pool.items():
        room = look(pool_id) if pool_id is not None else Room()
        if pool_id is None or pool_id in resting or room.wait is not None:
            until = now + REST if room.wait is None else max(now + REST, room.wait.until)
            _put_off(scope, members, until)
            continue
        rest = len(fit) - len(members)
        return Picked(pool_id, room, members[: int(min(room.most, len(members)))], rest > 0 or room.most < len(members))
    return Picked(chosen.usual, Room(), [], more=False)


def _put_off(scope: Scope, members: Sequence[Any], until: datetime) -> None:
    ids = array(row.id for row in members)
    rows(scope, _WAIT, {"tenant": scope.tenant, "ids": ids, "at": until, "reason": "way rests"})
