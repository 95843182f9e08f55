"""Claim due messages of one tenant: one transaction that drops the suppressed, reserves quota and makes the lease and its journal."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.events import emit
from posthouse.platform.scope import Scope
from posthouse.platform.statements import array, rows
from posthouse.sending.campaigns import counting
from posthouse.sending.campaigns.counting import Tally
from posthouse.sending.delivery import choosing, journal, picking, turns
from posthouse.sending.delivery.journal import Journal
from posthouse.sending.delivery.leftovers import quota_hold, room_hold, tell_campaigns, without_held, without_waiting
from posthouse.sending.delivery.outcomes import HORIZONS
from posthouse.sending.delivery.sizing import MOST, Sizes
from posthouse.sending.delivery.turns import Hold
from posthouse.sending.mailboxes.queries import groups_of
from posthouse.sending.mailboxes.rules import OTHER
from posthouse.sending.messages.events import MessagesFailed
from posthouse.sending.pools.choices import usual_sql
from posthouse.sending.rates.room import Room, look
from posthouse.sending.standing import rules as standing
from posthouse.sending.standing.rules import SLOW_GAP, SLOW_MESSAGES, Grade
from posthouse.sending.warmup import services as warmup
from posthouse.sending.warmup.services import Sharing
from posthouse.tenants.quotas.services import reserve
from posthouse.tenants.suppressions.queries import suppressed_emails

WORK_SECONDS = 60
# After this a lease's COMMIT can't arrive any more, and no body leaves.
UNTIL = timedelta(seconds=WORK_SECONDS + 30)
# A held tenant is looked at again so often, for limits may be raised meanwhile.
LOOK_AGAIN = timedelta(seconds=15)
# A pool's limits are the same for all its tenants: many look again at once.
RATE_LOOK_AGAIN = timedelta(seconds=60)
MAY_SEND = ("active", "grace")

_USUAL = ", ".join(usual_sql(tenant="%(tenant)s", reseller="%(reseller)s", stream="%(stream)s"))
# All that stands around a claim, and the lease's id, in one round trip.
_STANDING = (
    "SELECT (SELECT state FROM tenant WHERE reseller_id = %(reseller)s AND id = %(tenant)s) AS state, posthouse_id() AS lease_id,"
    f" coalesce({_USUAL}) AS pool_id,"
    " (SELECT array_agg(id ORDER BY id) FROM campaign WHERE tenant_id = %(tenant)s AND state IN ('starting', 'sending', 'waiting')) AS running,"
    " (SELECT array_agg(id) FROM campaign WHERE tenant_id = %(tenant)s AND state = 'waiting') AS waiting,"
    " (SELECT array_agg(stream || ':' || grade) FROM standing WHERE reseller_id = %(reseller)s AND for_tenant_id = %(tenant)s) AS grades,"
    " (SELECT jsonb_object_agg(c.id::text, c.pool_id) FROM campaign c JOIN reseller_pool g ON g.pool_id = c.pool_id"
    " AND g.reseller_id = %(reseller)s AND g.stream = %(stream)s WHERE c.tenant_id = %(tenant)s AND c.pool_id IS NOT NULL"
    " AND c.state IN ('starting', 'sending', 'waiting')) AS chosen,"
    " (SELECT jsonb_object_agg(r.domain_group, r.pool_id) FROM pool_rule r JOIN reseller_pool g ON g.pool_id = r.pool_id"
    " AND g.reseller_id = r.reseller_id AND g.stream = r.stream WHERE r.reseller_id = %(reseller)s AND r.stream = %(stream)s) AS by_group,"
    " EXISTS (SELECT 1 FROM warmup) AS warming,"
    ' EXISTS (SELECT 1 FROM route_limit) OR EXISTS (SELECT 1 FROM route_hold WHERE "until" > %(now)s) AS limited'
)
_DROP = (
    "WITH dropped AS (UPDATE message m SET state = %(state)s, reason = %(reason)s, settled_at = %(now)s"
    " FROM unnest(CAST(%(ids)s AS bigint[])) AS u (id) WHERE m.tenant_id = %(tenant)s AND m.id = u.id)"
    " INSERT INTO message_event (tenant_id, message_id, kind, at, text) SELECT %(tenant)s, u.id, %(state)s, %(now)s, %(reason)s"
    " FROM unnest(CAST(%(ids)s AS bigint[])) AS u (id)"
)
# Found again where they were picked from. The policy alone names the tenant: of one that is new the planner would think that it
# has a single row, and read all of them.
_LEASE = (
    "WITH made AS (INSERT INTO lease (tenant_id, id, for_reseller_id, stream, pool_id, host, worker, messages, until, made_at)"
    " VALUES (%(tenant)s, %(lease)s, %(reseller)s, %(stream)s, %(pool)s, %(host)s, %(worker)s, %(messages)s, %(until)s, %(now)s))"
    " UPDATE message m SET state = 'leased', lease_id = %(lease)s, expires_at = coalesce(m.expires_at, %(ends)s)"
    " FROM unnest(CAST(%(ids)s AS bigint[])) AS u (id) WHERE m.stream = %(stream)s AND m.state = 'queued'"
    " AND m.not_before BETWEEN %(first)s AND %(last)s AND m.id = u.id"
)
_NEXT_DUE = (
    "SELECT min(not_before) AS due FROM message WHERE tenant_id = %(tenant)s AND stream = %(stream)s AND state = 'queued'"
    " AND not_before > %(now)s"
)


class Card(NamedTuple):
    """A message that is about to be sent.

    `route_id`: only this route, which is being warmed, may send it; None: any that is warm. `group`: the mailbox provider of its
    recipient.
    """

    id: int
    revision_id: int
    campaign_id: int | None
    recipient: str
    fields: Mapping[str, Any]
    route_id: int | None = None
    group: str = OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A lease that was just committed; its journal is open and locked."""

    scope: Scope
    lease_id: int
    stream: str
    pool_id: int
    journal: Journal
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a claim is made: the journals' folder, the host's name, and the worker's for the record."""

    folder: Path
    host: str
    worker: str


_USUAL_SIZES = Sizes()


class _Terms(NamedTuple):
    """On what a claim is made; see `claim`."""

    place: Place
    sharers: int
    resting: Collection[int]
    sizes: Sizes


class _TooMuch(Exception):
    """More was leased than the limits allow; nothing of it is committed."""


def claim(
    scope: Scope, *, stream: str, place: Place, sharers: int = 1, resting: Collection[int] = (), sizes: Sizes = _USUAL_SIZES
) -> Claimed | None:
    """Claim due messages of the tenant in a transaction of its own; None when none can be sent now. `sizes` says how many at most.

    Where the pool's rates are limited it is no more than one of `sharers` workers can send soon. Nothing is claimed for pools
    that are `resting`.
    When the transaction fails the journal is let go for the sweeper: nobody knows whether the COMMIT arrived.
    """
    terms = _Terms(place, sharers, resting, sizes)
    # The ledger's rows are everybody's. While no limit binds they are locked when all else is done, for nothing but the commit:
    # a single message never waits for a campaign's lease to be written.
    try:
        return _attempt(scope, stream, terms, ask_first=False)
    except _TooMuch:
        return _attempt(scope, stream, terms, ask_first=True)


def _attempt(scope: Scope, stream: str, terms: _Terms, *, ask_first: bool) -> Claimed | None:
    claimed = None
    try:
        with transaction(scope):
            claimed = _claim(scope, stream, terms, ask_first=ask_first)
    except BaseException:
        if claimed is not None:
            claimed.journal.close()
        raise
    return claimed


def _claim(scope: Scope, stream: str, terms: _Terms, *, ask_first: bool) -> Claimed | None:
    now = clock.now()
    around = rows(scope, _STANDING, {"tenant": scope.tenant, "reseller": scope.reseller, "stream": stream, "now": now})[0]
    grade = standing.grade_for(stream, around.grades or [])
    chosen = choosing.choice(around)

    def room_of(pool_id: int | None) -> Room:
        return look(scope, pool_id=pool_id, sharers=terms.sharers) if around.limited and pool_id is not None else Room()

    room = room_of(around.pool_id) if chosen.plain else Room()
    hold = _standing_hold(scope, stream, around, grade, now) or room_hold(room)
    if hold is not None:
        _leave(scope, stream, now, around.pool_id, hold, taken=0)
        return None
    slow = grade is Grade.SLOWED
    most = int(min(SLOW_MESSAGES if slow else MOST, terms.sizes.of(around.pool_id if chosen.plain else None), room.most))
    running = around.running or []
    picked, full = picking.pick(scope, stream=stream, now=now, campaigns=running, most=most)
    fit = _drop_unfit(scope, stream, now, picked)
    groups = groups_of(scope, [row.domain for row in fit])
    pool_id, left = around.pool_id, False
    if not chosen.plain:
        found = choosing.pick(scope, chosen, fit, groups, look=room_of, resting=terms.resting, now=now)
        pool_id, room, fit, left = found.pool_id, found.room, list(found.rows), found.more
    fit = without_held(scope, room, fit, groups)
    sharing = warmup.share_out(scope, pool_id=pool_id, messages=fit) if around.warming and pool_id is not None else Sharing()
    fit = without_waiting(scope, sharing, fit)
    if not full:
        # Whoever queues messages for this lane at the moment commits first, and is seen before the lane's next time is set.
        turns.lock_place(scope, stream=stream)
        full = picking.came(scope, stream=stream, now=clock.now(), campaigns=running, known=picked)
    grant = reserve(scope, lease_id=around.lease_id, wanted=len(fit)) if fit and ask_first else None
    taken = fit[: grant.amount] if grant else fit
    hold = quota_hold(grant.binding) if grant and grant.binding else Hold("slowed", now + SLOW_GAP) if slow and taken else None
    tell_campaigns(scope, around.waiting or [], taken, fit[len(taken) :], grant.binding if grant else None)
    warmup.hold(scope, sharing, lease_id=around.lease_id, taken=taken)
    if left or len(taken) < len(fit):
        picking.forget(scope, running)
    _leave(scope, stream, now, pool_id, hold, taken=len(taken), more=full or left)
    if not taken or pool_id is None:
        return None
    made = _lease(scope, stream, now, terms.place, around.lease_id, pool_id, taken)
    try:
        if grant is None and reserve(scope, lease_id=around.lease_id, wanted=len(taken)).amount < len(taken):
            raise _TooMuch
        cards = _cards(taken, sharing.routes, groups)
    except BaseException:
        made.remove()  # no COMMIT is on its way
        raise
    return Claimed(scope=scope, lease_id=around.lease_id, stream=stream, pool_id=pool_id, journal=made, cards=cards)


def _standing_hold(scope: Scope, stream: str, around: Any, grade: Grade, now: datetime) -> Hold | None:
    if around.state not in MAY_SEND:
        return Hold("account", now + LOOK_AGAIN)
    if grade.lasts:
        return Hold(grade.word, now + LOOK_AGAIN)
    if grade is Grade.SLOWED and (until := turns.held_until(scope, stream=stream, by="slowed")) is not None and until > now:
        return Hold("slowed", until)
    return Hold("no_pool", now + LOOK_AGAIN) if around.pool_id is None and not (around.chosen or around.by_group) else None


def _drop_unfit(scope: Scope, stream: str, now: datetime, picked: Sequence[Any]) -> list[Any]:
    """Give those their outcome that must not or need not be sent any more; return the rest."""
    # The time for delivery begins with the first try: a month's wait for an allowance, or a pause, uses none of it up.
    late = [row for row in picked if row.late]
    _drop(scope, now, late, "expired", "The time for delivery is over.")
    gone = {row.id for row in late}
    fit = [row for row in picked if row.id not in gone]
    kept_away: set[int] = set()
    for list_id in {row.list_id for row in fit}:
        of_list = [row for row in fit if row.list_id == list_id]
        names = suppressed_emails(scope, [row.email_norm for row in of_list], stream=stream, list_id=list_id)
        kept_away |= {row.id for row in of_list if row.email_norm in names}
    _drop(scope, now, [row for row in fit if row.id in kept_away], "suppressed", "The address must not be written to.")
    return [row for row in fit if row.id not in kept_away]


def _drop(scope: Scope, now: datetime, unfit: Sequence[Any], state: str, reason: str) -> None:
    if not unfit:
        return
    ids = array(row.id for row in unfit)
    rows(scope, _DROP, {"tenant": scope.tenant, "ids": ids, "state": state, "reason": reason, "now": now})
    tallies = [Tally(campaign_id=row.campaign_id, kind=state, at=now, domain=row.domain) for row in unfit if row.campaign_id is not None]
    if tallies:
        counting.add(scope, tallies)
    if state == "expired":
        emit(scope, MessagesFailed(message_ids=[row.id for row in unfit]))


def _leave(scope: Scope, stream: str, now: datetime, pool_id: int | None, hold: Hold | None, *, taken: int, more: bool = False) -> None:
    """Note when the tenant's turn comes again."""
    if hold is not None:
        due = hold.resumes_at if hold.by == "slowed" else min(hold.resumes_at, now + _look_again(hold))
    elif more:
        due = now
    else:
        due = rows(scope, _NEXT_DUE, {"tenant": scope.tenant, "stream": stream, "now": now})[0].due
    turns.after_turn(scope, stream=stream, due_at=due, pool_id=pool_id, share=taken / MOST, hold=hold)


def _look_again(hold: Hold) -> timedelta:
    return RATE_LOOK_AGAIN if hold.by.startswith("rate:") else LOOK_AGAIN


def _lease(scope: Scope, stream: str, now: datetime, place: Place, lease_id: int, pool_id: int, taken: Sequence[Any]) -> Journal:
    until = now + UNTIL
    values = {"tenant": scope.tenant, "reseller": scope.reseller, "stream": stream, "pool": pool_id, "now": now, "until": until}
    values |= {"lease": lease_id, "host": place.host, "worker": place.worker, "messages": len(taken), "ends": now + HORIZONS[stream]}
    values |= {"first": min(row.not_before for row in taken), "last": max(row.not_before for row in taken)}
    rows(scope, _LEASE, {**values, "ids": array(row.id for row in taken)})
    return journal.create(place.folder, scope.tenant, lease_id, int(until.timestamp()), reseller_id=scope.reseller)


def _cards(taken: Sequence[Any], routes: Mapping[int, int], groups: Mapping[str, str]) -> tuple[Card, ...]:
    # Read in one go: one by one, as the driver would, costs half as much again.
    fields = json.loads(f"[{','.join([row.fields for row in taken])}]")
    return tuple(
        [
            Card(
                row.id,
                row.revision_id,
                row.campaign_id,
                row.recipient,
                {"email": row.recipient, **own},
                routes.get(row.id),
                groups[row.domain],
            )
            for row, own in zip(taken, fields, strict=True)
        ]
    )
