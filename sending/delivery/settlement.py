"""Settle a lease: write what became of its messages, its quota and its campaigns' figures in one transaction, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.events import emit
from posthouse.platform.scope import Scope
from posthouse.platform.statements import array, rows
from posthouse.sending.campaigns import counting
from posthouse.sending.campaigns.counting import Tally
from posthouse.sending.delivery import turns
from posthouse.sending.delivery.outcomes import Held, Outcome, decide
from posthouse.sending.delivery.records import Mark, Record
from posthouse.sending.messages.events import MessagesFailed, MessagesSent
from posthouse.sending.softbounces import services as softbounces
from posthouse.sending.standing import services as standing
from posthouse.sending.warmup import services as warmup
from posthouse.tenants.quotas import services as quotas
from posthouse.tenants.suppressions.services import suppress


class Settled(StrEnum):
    """How an attempt to settle went."""

    DONE = "done"
    BEFORE = "before"  # somebody settled it already
    INVISIBLE = "invisible"  # there is no such lease, or its COMMIT is still on its way


_LOCK = (
    "SELECT stream, closed_at, EXISTS (SELECT 1 FROM warmup_hold h WHERE h.tenant_id = %(tenant)s AND h.lease_id = %(lease)s) AS warms"
    " FROM lease WHERE tenant_id = %(tenant)s AND id = %(lease)s FOR UPDATE"
)
_HELD = (
    "SELECT id, stream, campaign_id, list_id, domain, email_norm, attempts, created_at, expires_at FROM message"
    " WHERE tenant_id = %(tenant)s AND lease_id = %(lease)s AND state = 'leased' ORDER BY id FOR UPDATE"
)
_WRITTEN = ("id", "state", "reason", "attempts", "not_before", "route_id", "code", "status", "text", "hard", "event")
_STOPPED = "SELECT id FROM campaign WHERE tenant_id = %(tenant)s AND id = ANY (CAST(%(campaigns)s AS bigint[])) AND state = 'stopped'"
# The outcomes, what is told of them, and the end of the lease. Its messages are found by the lease, and the policy alone names the
# tenant: of one that is new the planner would think that it has a single row, and read all of them.
_WRITE = (
    "WITH u AS MATERIALIZED (SELECT * FROM unnest(CAST(%(id)s AS bigint[]), CAST(%(state)s AS text[]), CAST(%(reason)s AS text[]),"
    " CAST(%(attempts)s AS smallint[]), CAST(%(not_before)s AS timestamptz[]), CAST(%(route_id)s AS bigint[]), CAST(%(code)s AS smallint[]),"
    " CAST(%(status)s AS text[]), CAST(%(text)s AS text[]), CAST(%(hard)s AS boolean[]), CAST(%(event)s AS text[]))"
    " AS u (id, state, reason, attempts, not_before, route_id, code, status, text, hard, event)),"
    " told AS (INSERT INTO message_event (tenant_id, message_id, kind, at, code, text)"
    " SELECT %(tenant)s, u.id, u.event, %(now)s, u.code, coalesce(nullif(u.text, ''), u.reason) FROM u WHERE u.event <> ''),"
    " closed AS (UPDATE lease SET closed_at = %(now)s, closed_by = %(by)s WHERE tenant_id = %(tenant)s AND id = %(lease)s)"
    " UPDATE message m SET state = u.state, reason = u.reason, attempts = u.attempts, lease_id = NULL,"
    " not_before = coalesce(u.not_before, m.not_before), settled_at = CASE WHEN u.state = 'queued' THEN NULL ELSE %(now)s END,"
    " route_id = coalesce(u.route_id, m.route_id), reply_code = coalesce(u.code, m.reply_code),"
    " reply_status = coalesce(u.status, m.reply_status), reply_text = coalesce(u.text, m.reply_text), hard = m.hard OR u.hard"
    " FROM u WHERE m.lease_id = %(lease)s AND m.state = 'leased' AND m.id = u.id"
)


def settle(scope: Scope, *, lease_id: int, word: Callable[[int], Record | None], by: str) -> Settled:
    """Settle in a transaction of its own; may be repeated. `word` gives the last word about a message, None: never left."""
    with transaction(scope):
        return _settle(scope, lease_id, word, by)


def _settle(scope: Scope, lease_id: int, word: Callable[[int], Record | None], by: str) -> Settled:
    now = clock.now()
    keys = {"tenant": scope.tenant, "lease": lease_id}
    lease = next(iter(rows(scope, _LOCK, keys)), None)
    if lease is None:
        return Settled.INVISIBLE
    if lease.closed_at is not None:
        return Settled.BEFORE
    held = [Held(*row) for row in rows(scope, _HELD, keys)]
    stopped = _stopped(scope, [one for one in held if (last := word(one.id)) is None or last.mark is not Mark.SENT])
    outcomes = [decide(one, word(one.id), now=now, stopped=one.campaign_id in stopped) for one in held]
    _write(scope, outcomes, {**keys, "now": now, "by": by})
    _tell(scope, held, outcomes, now)
    _announce(scope, outcomes)
    _count(scope, lease.stream, outcomes, now)
    if lease.warms:
        _settle_warmup(scope, lease_id, held, outcomes)
    # In the order of a claim: the days of warming routes, the lane, the ledger.
    _wake(scope, lease.stream, outcomes)
    # The ledger's rows are everybody's: they are locked last and for the shortest time.
    quotas.settle(scope, lease_id=lease_id, used=sum(outcome.used for outcome in outcomes))
    return Settled.DONE


def _settle_warmup(scope: Scope, lease_id: int, held: Sequence[Held], outcomes: Sequence[Outcome]) -> None:
    """Give back what the lease held of a warming route's day for messages that weren't tried."""
    tried = [(new.route_id, one.domain) for one, new in zip(held, outcomes, strict=True) if new.attempts > one.attempts]
    warmup.settle(scope, lease_id=lease_id, tried=tried)


def _stopped(scope: Scope, unsent: Sequence[Held]) -> frozenset[int]:
    campaigns = {one.campaign_id for one in unsent if one.campaign_id is not None}
    if not campaigns:
        return frozenset()
    return frozenset(row.id for row in rows(scope, _STOPPED, {"tenant": scope.tenant, "campaigns": array(campaigns)}))


def _write(scope: Scope, outcomes: Sequence[Outcome], values: Mapping[str, Any]) -> None:
    # All columns at once: field by field, this would cost as much as deciding. A lease may hold nothing any more.
    columns: dict[str, Sequence[Any]] = dict.fromkeys(Outcome._fields, ())
    columns |= zip(Outcome._fields, zip(*outcomes, strict=True), strict=False)
    columns["attempts"] = [min(attempts, 32_000) for attempts in columns["attempts"]]
    rows(scope, _WRITE, {**values, **{name: array(columns[name]) for name in _WRITTEN}})


def _tell(scope: Scope, held: Sequence[Held], outcomes: Sequence[Outcome], now: datetime) -> None:
    """Add to the campaigns' figures, and keep addresses that don't exist from being written to again."""
    counts: Counter[tuple[int, str, str]] = Counter()
    for one, outcome in zip(held, outcomes, strict=True):
        if one.campaign_id is not None and (kind := _kind(one, outcome)):
            counts[(one.campaign_id, kind, one.domain)] += 1
        if outcome.suppress:
            suppress(scope, email=one.email_norm, reason="hard_bounce", source="smtp", message_id=one.id)
    if soft := [outcome.id for outcome in outcomes if outcome.soft]:
        softbounces.note(scope, soft, source="smtp")
    tallies = [
        Tally(campaign_id=campaign, kind=kind, at=now, domain=domain, count=count) for (campaign, kind, domain), count in counts.items()
    ]
    if tallies:
        counting.add(scope, tallies)


def _announce(scope: Scope, outcomes: Sequence[Outcome]) -> None:
    """Tell who asked for it what has left and what never will: one piece of news for all, and one question where nobody asked."""
    if sent := [one.id for one in outcomes if one.state == "sent"]:
        emit(scope, MessagesSent(message_ids=sent))
    if failed := [one.id for one in outcomes if one.state in {"failed", "expired"}]:
        emit(scope, MessagesFailed(message_ids=failed))


def _count(scope: Scope, stream: str, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Add to the tenant's standing what was handed over, and what of it doesn't exist."""
    handed = [one for one in outcomes if one.state in {"sent", "unknown"} or (one.state == "failed" and one.code)]
    if handed:
        standing.count(scope, stream=stream, sent_at=now, sent=len(handed), bounces=sum(one.hard for one in handed))


def _kind(held: Held, outcome: Outcome) -> str:
    """Name the figure that an outcome adds to; a message that is deferred again adds to none."""
    if outcome.state != "queued":
        return outcome.state
    return counting.DEFERRED if outcome.event == "deferred" and held.attempts == 0 else ""


def _wake(scope: Scope, stream: str, outcomes: Sequence[Outcome]) -> None:
    again = [one.not_before for one in outcomes if one.not_before is not None]
    if again:
        turns.due_again(scope, stream=stream, due_at=min(again))
