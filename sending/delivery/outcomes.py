"""Decide what a message becomes after a lease, from the journal's last word about it; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from posthouse.sending.delivery import retry
from posthouse.sending.delivery.records import Mark, Record
from posthouse.sending.replies.rules import classify
from posthouse.sending.softbounces.rules import counts

COMPOSE = "compose"  # the stage of a refusal by ourselves: the message can't be made
HORIZONS = {"marketing": retry.MARKETING_HORIZON, "transactional": retry.TRANSACTIONAL_HORIZON}


@dataclass(slots=True)
class Held:
    """A message in a lease, as far as its outcome depends on it; in the order of the columns that settlement reads."""

    id: int
    stream: str
    campaign_id: int | None
    list_id: int | None
    domain: str
    email_norm: str
    attempts: int
    created_at: datetime
    expires_at: datetime | None

    @property
    def ends_at(self) -> datetime:
        """When trying is over."""
        return self.expires_at or self.created_at + HORIZONS[self.stream]


class Outcome(NamedTuple):
    """What it becomes. `used`: it counts against the quota. `event` is empty where nothing happened that is worth telling."""

    id: int
    state: str
    reason: str = ""
    not_before: datetime | None = None
    attempts: int = 0
    code: int | None = None
    status: str | None = None
    text: str | None = None
    route_id: int | None = None
    hard: bool = False
    suppress: bool = False
    soft: bool = False
    used: bool = False
    event: str = ""


def decide(held: Held, record: Record | None, *, now: datetime, stopped: bool) -> Outcome:
    """Decide. `record` None: its body certainly never left. `stopped`: its campaign was stopped for good meanwhile."""
    if record is None:
        return _untouched(held, now, stopped=stopped)
    if record.mark is Mark.SENT:
        return _final(held, record, "sent", used=True)
    if record.mark is Mark.REFUSED:
        return _refused(held, record)
    if record.mark is Mark.DEFERRED:
        return _again(held, record, now, "deferred", stopped=stopped)
    if held.stream == "transactional":
        # Policy `resend`: better twice than never, with the same Message-ID.
        return _again(held, record, now, "unknown", used=True, stopped=stopped)
    # Policy `hold`: nobody gets a campaign twice.
    return _final(held, record, "unknown", reason="The server took the message and its answer was lost.", used=True)


def _untouched(held: Held, now: datetime, *, stopped: bool) -> Outcome:
    if stopped:
        return Outcome(id=held.id, state="cancelled", reason="campaign stopped", attempts=held.attempts, event="cancelled")
    return Outcome(id=held.id, state="queued", not_before=now, attempts=held.attempts)


def _final(held: Held, record: Record, state: str, *, reason: str = "", used: bool = False) -> Outcome:
    return Outcome(
        id=held.id,
        state=state,
        reason=reason,
        attempts=held.attempts + 1,
        code=record.code or None,
        status=record.enhanced,
        text=record.text,
        route_id=record.route_id or None,
        used=used,
        event=state,
    )


def _refused(held: Held, record: Record) -> Outcome:
    if record.stage == COMPOSE:
        return Outcome(id=held.id, state="failed", reason=record.text, attempts=held.attempts + 1, event="failed")
    found = classify(record.code, record.enhanced, record.text, stage=record.stage)
    return Outcome(
        id=held.id,
        state="failed",
        reason=found.reason,
        attempts=held.attempts + 1,
        code=record.code,
        status=found.status,
        text=record.text,
        route_id=record.route_id or None,
        hard=found.hard,
        suppress=found.suppress,
        soft=not found.suppress and not found.hard and counts(found.reason),
        event="failed",
    )


def _again(held: Held, record: Record, now: datetime, event: str, *, stopped: bool, used: bool = False) -> Outcome:
    tries = held.attempts + 1
    decision = retry.decide(now=now, deferrals=tries, message_id=held.id, text=record.text, expires_at=held.ends_at)
    over = isinstance(decision, retry.GiveUp)
    state = "cancelled" if stopped else "expired" if over else "queued"
    return Outcome(
        id=held.id,
        state=state,
        reason="campaign stopped" if stopped else decision.reason if isinstance(decision, retry.GiveUp) else "",
        not_before=decision.at if isinstance(decision, retry.Again) and not stopped else None,
        attempts=tries,
        code=record.code or None,
        status=record.enhanced,
        text=record.text,
        route_id=record.route_id or None,
        used=used,
        soft=state == "expired" and _lies_with_the_address(record),
        event=event if state == "queued" else state,
    )


def _lies_with_the_address(record: Record) -> bool:
    # Without any answer nothing is known of the mailbox.
    return bool(record.code) and counts(classify(record.code, record.enhanced, record.text, stage=record.stage).reason)
