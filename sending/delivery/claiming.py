"""Claim due messages of one tenant: one transaction that drops the suppressed, reserves quota and makes the lease and its journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.scope import Scope
from posthouse.sending.campaigns import counting
from posthouse.sending.campaigns.counting import Tally
from posthouse.sending.campaigns.services import note_sending, note_waiting
from posthouse.sending.delivery import journal, turns
from posthouse.sending.delivery.journal import Journal
from posthouse.sending.delivery.outcomes import HORIZONS
from posthouse.sending.delivery.turns import Hold
from posthouse.sending.pools.queries import pool_of_tenant
from posthouse.sending.standing import queries as standings
from posthouse.sending.standing.rules import SLOW_GAP, SLOW_MESSAGES, Grade
from posthouse.tenants.quotas.rules import Binding, Layer
from posthouse.tenants.quotas.services import reserve
from posthouse.tenants.suppressions.queries import suppressed_emails

MOST = 200
WORK_SECONDS = 60
# After this a lease's COMMIT can't arrive any more, and no body leaves.
UNTIL = timedelta(seconds=WORK_SECONDS + 30)
# A held tenant is looked at again so often, for limits may be raised meanwhile.
LOOK_AGAIN = timedelta(seconds=15)
MAY_SEND = ("active", "grace")

_TENANT = sa.text("SELECT state FROM tenant WHERE reseller_id = :reseller AND id = :tenant")
_CAMPAIGNS = sa.text("SELECT id, state FROM campaign WHERE tenant_id = :tenant AND state IN ('starting', 'sending', 'waiting') ORDER BY id")
_PICK = (
    "SELECT id, revision_id, campaign_id, list_id, contact_id, recipient, email_norm, domain, fields, created_at, expires_at FROM message"
    " WHERE tenant_id = :tenant AND stream = :stream AND state = 'queued' AND not_before <= :now AND campaign_id {which}"
    " ORDER BY not_before LIMIT :size FOR UPDATE SKIP LOCKED"
)
_PICK_SINGLE = sa.text(_PICK.format(which="IS NULL"))
_PICK_CAMPAIGN = sa.text(_PICK.format(which="= :campaign"))
_DROP = sa.text(
    "UPDATE message m SET state = :state, reason = :reason, settled_at = :now FROM unnest(CAST(:ids AS bigint[])) AS u (id)"
    " WHERE m.tenant_id = :tenant AND m.id = u.id"
)
_DROP_EVENTS = sa.text(
    "INSERT INTO message_event (tenant_id, message_id, kind, at, text) SELECT :tenant, u.id, :state, :now, :reason"
    " FROM unnest(CAST(:ids AS bigint[])) AS u (id)"
)
_LEASE = sa.text(
    "INSERT INTO lease (tenant_id, id, for_reseller_id, stream, pool_id, host, worker, messages, until, made_at)"
    " VALUES (:tenant, :id, :reseller, :stream, :pool, :host, :worker, :messages, :until, :now)"
)
_MARK = sa.text(
    "UPDATE message m SET state = 'leased', lease_id = :lease, expires_at = coalesce(m.expires_at, :ends) FROM unnest(CAST(:ids AS bigint[])) AS u (id)"
    " WHERE m.tenant_id = :tenant AND m.id = u.id"
)
_NEXT_DUE = sa.text(
    "SELECT min(not_before) FROM message WHERE tenant_id = :tenant AND stream = :stream AND state = 'queued' AND not_before > :now"
)
_FIELDS = sa.text("SELECT id, fields FROM contact WHERE tenant_id = :tenant AND id = ANY (:ids)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A message that is about to be sent."""

    id: int
    revision_id: int
    campaign_id: int | None
    recipient: str
    created_at: datetime
    fields: Mapping[str, Any]


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


def claim(scope: Scope, *, stream: str, place: Place) -> Claimed | None:
    """Claim up to 200 due messages of the tenant in a transaction of its own; None when none can be sent now.

    When the transaction fails the journal is let go for the sweeper: nobody knows whether the COMMIT arrived.
    """
    claimed = None
    try:
        with transaction(scope):
            claimed = _claim(scope, stream, place)
    except BaseException:
        if claimed is not None:
            claimed.journal.close()
        raise
    return claimed


def _claim(scope: Scope, stream: str, place: Place) -> Claimed | None:
    now = clock.now()
    pool_id = pool_of_tenant(scope, stream=stream)
    grade = standings.grade(scope, stream=stream)
    hold = _standing_hold(scope, stream, pool_id, grade, now)
    if hold is not None or pool_id is None:
        _leave(scope, stream, now, pool_id, hold, taken=0)
        return None
    states = _running(scope)
    slow = grade is Grade.SLOWED
    picked, full = _pick(scope, stream, now, states, SLOW_MESSAGES if slow else MOST)
    fit = _drop_unfit(scope, stream, now, picked)
    lease_id = session(scope).execute(sa.text("SELECT posthouse_id()")).scalar_one()
    # The ledger's rows are everybody's: they are locked last and for the shortest time.
    grant = reserve(scope, lease_id=lease_id, wanted=len(fit)) if fit else None
    taken = fit[: grant.amount] if grant else []
    hold = _quota_hold(grant.binding, now) if grant and grant.binding else Hold("slowed", now + SLOW_GAP) if slow and taken else None
    _tell_campaigns(scope, states, taken, fit[len(taken) :], grant.binding if grant else None)
    _leave(scope, stream, now, pool_id, hold, taken=len(taken), more=full)
    if not taken:
        return None
    return _lease(scope, stream, now, pool_id, place, lease_id, taken)


def _standing_hold(scope: Scope, stream: str, pool_id: int | None, grade: Grade, now: datetime) -> Hold | None:
    state = session(scope).execute(_TENANT, {"reseller": scope.reseller, "tenant": scope.tenant}).scalar_one_or_none()
    if state not in MAY_SEND:
        return Hold("account", now + LOOK_AGAIN)
    if grade.lasts:
        return Hold(grade.word, now + LOOK_AGAIN)
    if grade is Grade.SLOWED and (until := turns.held_until(scope, stream=stream, by="slowed")) is not None and until > now:
        return Hold("slowed", until)
    return Hold("no_pool", now + LOOK_AGAIN) if pool_id is None else None


def _running(scope: Scope) -> dict[int, str]:
    return {row.id: row.state for row in session(scope).execute(_CAMPAIGNS, {"tenant": scope.tenant})}


def _pick(scope: Scope, stream: str, now: datetime, states: Mapping[int, str], most: int) -> tuple[list[Any], bool]:
    """Lock due messages: single ones first, then those of running campaigns, in turn from a place that moves."""
    values = {"tenant": scope.tenant, "stream": stream, "now": now}
    picked = list(session(scope).execute(_PICK_SINGLE, {**values, "size": most}))
    campaigns = list(states)
    shift = now.microsecond % len(campaigns) if campaigns else 0
    for campaign in [*campaigns[shift:], *campaigns[:shift]]:
        if len(picked) >= most:
            break
        picked += session(scope).execute(_PICK_CAMPAIGN, {**values, "campaign": campaign, "size": most - len(picked)})
    return picked, len(picked) >= most


def _drop_unfit(scope: Scope, stream: str, now: datetime, picked: Sequence[Any]) -> list[Any]:
    """Give those their outcome that must not or need not be sent any more; return the rest."""
    # The time for delivery begins with the first try: a month's wait for an allowance, or a pause, uses none of it up.
    late = [row for row in picked if row.expires_at is not None and row.expires_at <= now]
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


def _drop(scope: Scope, now: datetime, rows: Sequence[Any], state: str, reason: str) -> None:
    if not rows:
        return
    values = {"tenant": scope.tenant, "ids": [row.id for row in rows], "state": state, "reason": reason, "now": now}
    session(scope).execute(_DROP, values)
    session(scope).execute(_DROP_EVENTS, values)
    tallies = [Tally(campaign_id=row.campaign_id, kind=state, at=now, domain=row.domain) for row in rows if row.campaign_id is not None]
    if tallies:
        counting.add(scope, tallies)


def _quota_hold(binding: Binding, now: datetime) -> Hold:
    del now
    return Hold(f"{binding.layer}:{binding.period}", binding.resumes_at)


def _tell_campaigns(scope: Scope, states: Mapping[int, str], taken: Sequence[Any], left: Sequence[Any], binding: Binding | None) -> None:
    """Show at the campaigns that a limit binds, which and until when, or that it does so no more."""
    waiting = {row.campaign_id for row in left if row.campaign_id is not None}
    going = {row.campaign_id for row in taken if states.get(row.campaign_id) == "waiting"} - waiting
    if going:
        note_sending(scope, campaign_ids=sorted(going))
    if waiting and binding is not None:
        note_waiting(scope, campaign_ids=sorted(waiting), reason=sentence(binding), resumes_at=binding.resumes_at)


def sentence(binding: Binding) -> str:
    """Say which limit binds, in words that name nobody above the tenant."""
    spell = {"month": "this month", "day": "today", "hour": "this hour"}[binding.period]
    if binding.layer is Layer.TENANT:
        return f"Your allowance of {binding.allowed:,} messages for {spell} is used up."
    return f"Your provider's sending limit for {spell} is reached."


def _leave(scope: Scope, stream: str, now: datetime, pool_id: int | None, hold: Hold | None, *, taken: int, more: bool = False) -> None:
    """Note when the tenant's turn comes again."""
    if hold is not None:
        due = hold.resumes_at if hold.by == "slowed" else min(hold.resumes_at, now + LOOK_AGAIN)
    elif more:
        due = now
    else:
        values = {"tenant": scope.tenant, "stream": stream, "now": now}
        due = session(scope).execute(_NEXT_DUE, values).scalar_one()
    turns.after_turn(scope, stream=stream, due_at=due, pool_id=pool_id, share=taken / MOST, hold=hold)


def _lease(scope: Scope, stream: str, now: datetime, pool_id: int, place: Place, lease_id: int, rows: Sequence[Any]) -> Claimed:
    until = now + UNTIL
    ids = [row.id for row in rows]
    values = {"tenant": scope.tenant, "reseller": scope.reseller, "stream": stream, "pool": pool_id, "now": now, "until": until}
    values |= {"id": lease_id, "lease": lease_id, "ids": ids, "host": place.host, "worker": place.worker, "messages": len(ids)}
    values["ends"] = now + HORIZONS[stream]
    live = session(scope)
    live.execute(_LEASE, values)
    live.execute(_MARK, values)
    cards = _cards(scope, rows)
    made = journal.create(place.folder, scope.tenant, lease_id, int(until.timestamp()), reseller_id=scope.reseller)
    return Claimed(scope=scope, lease_id=lease_id, stream=stream, pool_id=pool_id, journal=made, cards=cards)


def _cards(scope: Scope, rows: Sequence[Any]) -> tuple[Card, ...]:
    wanted = [row.contact_id for row in rows if row.fields is None and row.contact_id is not None]
    found = {row.id: row.fields for row in session(scope).execute(_FIELDS, {"tenant": scope.tenant, "ids": wanted})} if wanted else {}
    return tuple(
        Card(
            id=row.id,
            revision_id=row.revision_id,
            campaign_id=row.campaign_id,
            recipient=row.recipient,
            created_at=row.created_at,
            fields={"email": row.recipient, **(row.fields if row.fields is not None else found.get(row.contact_id, {}))},
        )
        for row in rows
    )
