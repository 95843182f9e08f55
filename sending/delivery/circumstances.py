"""What stands around a tenant's messages at one moment, for those who say why they wait: each fact is read once, for however many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.scope import Scope
from posthouse.sending.delivery.holds import HoldCard, list_holds
from posthouse.sending.mailboxes.queries import groups_of, names
from posthouse.sending.messages.queries import MessageCard
from posthouse.sending.pools.choices import pool_of_message

_CAMPAIGN = sa.text("SELECT state, state_reason, resumes_at FROM campaign WHERE tenant_id = :tenant AND id = :campaign")
_ROUTES = sa.text(
    'SELECT count(*) AS "all",'
    " count(*) FILTER (WHERE r.state = 'active' AND p.state = 'active') AS open,"
    " count(*) FILTER (WHERE r.state = 'active' AND p.state = 'active' AND coalesce(r.parked_until <= :now, true)) AS well,"
    " count(*) FILTER (WHERE r.state = 'active' AND p.state = 'active' AND coalesce(r.parked_until <= :now, true) AND r.failures > 0) AS tried,"
    " min(r.parked_until) FILTER (WHERE r.parked_until > :now) AS again"
    " FROM route r JOIN pool p ON p.id = r.pool_id WHERE r.pool_id = :pool"
)
# What of each route that may be tried rests: all of it, or its share for the recipient's mailbox provider.
_RESTS = sa.text(
    'SELECT r.id, h.domain_group, h."by", h."until" FROM route r LEFT JOIN route_hold h ON h.route_id = r.id AND h."until" > :now'
    " AND h.domain_group IN ('', :group) WHERE r.pool_id = :pool AND r.state = 'active' AND coalesce(r.parked_until <= :now, true)"
)


class Circumstances:
    """The facts around some messages of one tenant."""

    def __init__(self, scope: Scope, messages: Sequence[MessageCard]) -> None:
        self.scope = scope
        self.now: datetime = clock.now()
        self._domains = {domain_of(message) for message in messages if message.state == "queued"}
        self._campaigns: dict[int, Any] = {}
        self._pools: dict[tuple[str, int | None, str], int | None] = {}
        self._routes: dict[int, Any] = {}
        self._rests: dict[tuple[int, str], dict[int, list[Any]]] = {}

    @cached_property
    def holds(self) -> dict[str, HoldCard]:
        """What holds a stream as a whole."""
        return {hold.stream: hold for hold in reversed(list_holds(self.scope))}

    @cached_property
    def provider_names(self) -> dict[str, str]:
        """The mailbox providers' names by their keys."""
        return dict(names(self.scope))

    @cached_property
    def _groups(self) -> dict[str, str]:
        return groups_of(self.scope, self._domains, ask=False)

    def group(self, message: MessageCard) -> str:
        """Return the mailbox provider of a waiting message's recipient."""
        return self._groups[domain_of(message)]

    def campaign(self, campaign_id: int) -> Any:
        """Return a campaign's state, None where it is gone."""
        if campaign_id not in self._campaigns:
            found = session(self.scope).execute(_CAMPAIGN, {"tenant": self.scope.tenant, "campaign": campaign_id})
            self._campaigns[campaign_id] = found.one_or_none()
        return self._campaigns[campaign_id]

    def pool(self, message: MessageCard) -> int | None:
        """Return the pool by which a waiting message leaves."""
        key = message.stream, message.campaign_id, self.group(message)
        if key not in self._pools:
            self._pools[key] = pool_of_message(self.scope, stream=key[0], campaign_id=key[1], group=key[2])
        return self._pools[key]

    def routes(self, pool_id: int) -> Any:
        """Return how many routes a pool has, how many are open, are well, are being tried, and when one that rests is tried again."""
        if pool_id not in self._routes:
            self._routes[pool_id] = session(self.scope).execute(_ROUTES, {"pool": pool_id, "now": self.now}).one()
        return self._routes[pool_id]

    def rests(self, pool_id: int, group: str) -> dict[int, list[Any]]:
        """Return what rests of each route of a pool that may be tried, as far as it concerns a provider's recipients."""
        key = pool_id, group
        if key not in self._rests:
            found: dict[int, list[Any]] = {}
            for row in session(self.scope).execute(_RESTS, {"pool": pool_id, "now": self.now, "group": group}):
                found.setdefault(row.id, []).extend([row] if row.by is not None else [])
            self._rests[key] = found
        return self._rests[key]


def domain_of(message: MessageCard) -> str:
    """Return the domain of a message's recipient."""
    return message.recipient.rpartition("@")[2].lower()
