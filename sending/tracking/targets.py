"""Finds where a link leads: from this process's memory, else from Redis, else from the database.

With the database down, links of letters that anybody clicked before, or that were started since Redis is up, still lead on.
A tenant's state is asked for again every minute, so the links of a suspended one stop; while the database does not
answer, the last known state holds.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from posthouse.platform import clock
from posthouse.platform.app import settings
from posthouse.platform.bell import Away, Redis, brisk_client
from posthouse.platform.db import session, transaction
from posthouse.platform.scope import Actor, for_tenant, public
from posthouse.sending.tracking.urls import Visit
from posthouse.tenants.accounts.queries import TenantPlace, place_of

KEPT_REVISIONS = 2_000
STATE_SECONDS = 60.0
REDIS_SECONDS = 400 * 24 * 3600
STOPPED = frozenset({"suspended", "closed"})


@dataclass(frozen=True, slots=True)
class _Seen:
    place: TenantPlace | None
    until: float


class Targets:
    """One a process; safe from several threads."""

    def __init__(self, redis_url: str = "") -> None:
        self._redis = brisk_client(redis_url or settings().redis_url, patience_seconds=0.5)
        self._links: OrderedDict[tuple[int, int], tuple[str, ...]] = OrderedDict()
        self._places: dict[int, _Seen] = {}
        self._lock = Lock()

    def find(self, visit: Visit) -> str | None:
        """Return where a click leads; None for a link that does not exist, or whose tenant is stopped."""
        if visit.revision_id is None or visit.link is None:
            return None
        place = self._place(visit.claims.tenant_id)
        if place is not None and place.state in STOPPED:
            return None
        links = self._find_links(visit.claims.tenant_id, visit.revision_id, place)
        return links[visit.link] if links is not None and visit.link < len(links) else None

    def _find_links(self, tenant_id: int, revision_id: int, place: TenantPlace | None) -> tuple[str, ...] | None:
        key = (tenant_id, revision_id)
        with self._lock:
            if key in self._links:
                self._links.move_to_end(key)
                return self._links[key]
        links = self._from_redis(tenant_id, revision_id)
        if links is None and place is not None:
            links = self._from_database(place, revision_id)
            if links is not None:
                publish(self._redis, tenant_id, revision_id, links)
        if links is not None:
            with self._lock:
                self._links[key] = links
                while len(self._links) > KEPT_REVISIONS:
                    self._links.popitem(last=False)
        return links

    def _from_redis(self, tenant_id: int, revision_id: int) -> tuple[str, ...] | None:
        try:
            stored = self._redis.get(_key(tenant_id, revision_id))
        except Away:
            return None
        value = json.loads(stored) if isinstance(stored, bytes) else {}
        # What is under the key must say so itself: a value that was copied elsewhere is nobody's.
        return tuple(value["links"]) if (value.get("tenant"), value.get("revision")) == (tenant_id, revision_id) else None

    @staticmethod
    def _from_database(place: TenantPlace, revision_id: int) -> tuple[str, ...] | None:
        scope = for_tenant(
            reseller_id=place.reseller_id,
            tenant_id=place.tenant_id,
            actor=Actor("recipient", None, "recipient"),
            reason="a link in a message",
        )
        statement = sa.text("SELECT compiled -> 'links' FROM campaign_revision WHERE tenant_id = :tenant AND id = :id")
        try:
            with transaction(scope):
                found = session(scope).execute(statement, {"tenant": place.tenant_id, "id": revision_id}).scalar_one_or_none()
        except SQLAlchemyError:
            return None
        return tuple(found) if found is not None else None

    def _place(self, tenant_id: int) -> TenantPlace | None:
        now = clock.monotonic()
        seen = self._places.get(tenant_id)
        if seen is not None and seen.until > now:
            return seen.place
        scope = public("a link in a message")
        try:
            with transaction(scope):
                place = place_of(scope, tenant_id)
        except SQLAlchemyError:
            place = seen.place if seen else None
        self._places[tenant_id] = _Seen(place, now + STATE_SECONDS)
        return place


def publish(client: Redis, tenant_id: int, revision_id: int, links: tuple[str, ...]) -> None:
    """Put a revision's targets where they are found with the database down; does nothing while Redis is away."""
    value = json.dumps({"tenant": tenant_id, "revision": revision_id, "links": list(links)})
    try:
        client.set(_key(tenant_id, revision_id), value, ex=REDIS_SECONDS)
    except Away:
        return


def _key(tenant_id: int, revision_id: int) -> str:
    return f"t:{tenant_id}:links:{revision_id}"
