"""Count what becomes of a tenant's mail, grade its standing by it, and release tenants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from posthouse.platform import audit, clock
from posthouse.platform.db import session
from posthouse.platform.errors import Invalid, missing
from posthouse.platform.events import emit
from posthouse.platform.permissions import require
from posthouse.platform.scope import Reach, Scope
from posthouse.platform.together import together
from posthouse.sending.events import StandingChanged
from posthouse.sending.standing import permissions, queries, rules
from posthouse.sending.standing.rules import MILLION, Grade, Measure, Verdict

_ADD = sa.text(
    "WITH added AS (INSERT INTO standing_count AS c (tenant_id, stream, bucket, sent, bounces, complaints)"
    " VALUES (:tenant, :stream, :bucket, :sent, :bounces, :complaints) ON CONFLICT (tenant_id, stream, bucket) DO UPDATE"
    " SET sent = c.sent + excluded.sent, bounces = c.bounces + excluded.bounces, complaints = c.complaints + excluded.complaints"
    " RETURNING xmax = 0 AS fresh)"
    " SELECT fresh, (SELECT s.grade FROM standing s WHERE s.reseller_id = :reseller AND s.for_tenant_id = :tenant AND s.stream = :stream)"
    " AS grade FROM added"
)
_FORGET = sa.text("DELETE FROM standing_count WHERE tenant_id = :tenant AND stream = :stream AND bucket < :before")
_LOCK = sa.text(
    "INSERT INTO standing (reseller_id, for_tenant_id, stream, grade, since) VALUES (:reseller, :tenant, :stream, 'well', :now)"
    " ON CONFLICT (reseller_id, for_tenant_id, stream) DO UPDATE SET grade = standing.grade RETURNING grade"
)
_WRITE = sa.text(
    'UPDATE standing SET grade = :grade, measure = :measure, "window" = :window, events = :events, sent = :sent,'
    " since = CASE WHEN grade = :grade THEN since ELSE :now END"
    " WHERE reseller_id = :reseller AND for_tenant_id = :tenant AND stream = :stream"
)
_RELEASE = sa.text(
    "UPDATE standing SET grade = 'well', measure = '', \"window\" = '', events = 0, sent = 0, since = :now, counted_from = :now, note = :note"
    " WHERE for_tenant_id = :tenant AND grade <> 'well' RETURNING stream, grade"
)
_TURN = 3


def count(scope: Scope, *, stream: str, sent_at: datetime, sent: int = 0, bounces: int = 0, complaints: int = 0) -> None:
    """Add what became of messages that were handed over at `sent_at`, and grade the tenant anew where that can change anything.

    Each outcome must be counted once, in the transaction that makes it true.
    """
    together(scope, _add, _Count(stream, rules.bucket(sent_at), sent, bounces, complaints), turn=_TURN)


@dataclass(frozen=True, slots=True)
class _Count:
    stream: str
    bucket: datetime
    sent: int
    bounces: int
    complaints: int


def _add(scope: Scope, counts: list[_Count]) -> None:
    for stream in sorted({one.stream for one in counts}):
        keys: dict[str, Any] = {"tenant": scope.tenant, "reseller": scope.reseller, "stream": stream}
        grades = [_add_bucket(scope, keys, bucket, sums) for bucket, sums in sorted(_sums(counts, stream).items())]
        # Good mail alone makes nobody worse; only who is warned or slowed can mend by it.
        bad = any(one.bounces or one.complaints for one in counts if one.stream == stream)
        if bad or grades[-1] not in {None, "well", "held", "suspended"}:
            _grade(scope, stream, keys)


def _sums(counts: list[_Count], stream: str) -> dict[datetime, Counter[str]]:
    found: dict[datetime, Counter[str]] = {}
    for one in counts:
        if one.stream == stream:
            sums = found.setdefault(one.bucket, Counter(sent=0, bounces=0, complaints=0))
            sums.update(sent=one.sent, bounces=one.bounces, complaints=one.complaints)
    return found


def _add_bucket(scope: Scope, keys: Mapping[str, Any], bucket: datetime, sums: Mapping[str, int]) -> str | None:
    row = session(scope).execute(_ADD, {**keys, "bucket": bucket, **sums}).one()
    if row.fresh:
        session(scope).execute(_FORGET, {**keys, "before": clock.now() - max(rules.WINDOWS.values()) - rules.BUCKET})
    grade: str | None = row.grade
    return grade


def _grade(scope: Scope, stream: str, keys: Mapping[str, Any]) -> None:
    mails, _ = rules.defaults()
    found = rules.judge(queries.figures(scope, stream=stream), queries.limits(scope), mails=mails)
    if found.grade is Grade.WELL and queries.grade(scope, stream=stream) is Grade.WELL:
        return
    now = rules.grade_of(session(scope).execute(_LOCK, {**keys, "now": clock.now()}).scalar_one())
    become = rules.after(now, found.grade)
    if become is now and (become is not found.grade or become is Grade.WELL):
        return
    _write(scope, keys, found, become)
    if become is not now:
        _tell(scope, stream, now, become, found)


def _write(scope: Scope, keys: Mapping[str, Any], found: Verdict, become: Grade) -> None:
    values = {"grade": become.word, "measure": found.measure or "", "window": found.window, "events": found.events, "sent": found.sent}
    session(scope).execute(_WRITE, {**keys, **values, "now": clock.now()})


def _tell(scope: Scope, stream: str, before: Grade, become: Grade, found: Verdict) -> None:
    facts: dict[str, Any] = {"stream": stream, "before": before.word, "measure": found.measure, "events": found.events, "sent": found.sent}
    verb = f"standing.{become.word}"
    audit.record(scope, verb=verb, subject="tenant", subject_id=scope.tenant, **facts)
    audit.record(scope, verb=verb, subject="tenant", subject_id=scope.tenant, for_reseller=True, **facts)
    news = StandingChanged(
        stream=stream, before=before.word, grade=become.word, measure=found.measure or "", events=found.events, sent=found.sent
    )
    emit(scope, news)


def release(scope: Scope, *, tenant_id: int, note: str) -> None:
    """Let a tenant send again as usual; what happened before counts no more. Raises: Invalid without a note, Missing."""
    require(scope, permissions.MANAGE if scope.reach is Reach.RESELLER else permissions.FLOORS)
    if not note.strip():
        raise Invalid("note_missing", "Write down why the tenant may go on: what was found, and what was mended.", field="note")
    values = {"tenant": tenant_id, "now": clock.now(), "note": note.strip()[:500]}
    released = session(scope).execute(_RELEASE, values).all()
    if not released:
        raise missing("standing")
    streams = sorted(row.stream for row in released)
    audit.record(scope, verb="standing.released", subject="tenant", subject_id=tenant_id, streams=streams, note=values["note"])


def set_limit(scope: Scope, *, measure: str, grade: str, share: int | None) -> None:
    """Set from which share (parts per million) on a grade applies; None takes it back. Raises: Invalid where a reseller's is laxer."""
    reseller = scope.reach is Reach.RESELLER
    require(scope, permissions.MANAGE if reseller else permissions.FLOORS)
    key = _key(measure, grade)
    if share is not None and not 1 <= share <= MILLION:
        raise Invalid("share_out_of_range", "A share lies above 0 % and is at most 100 %.", field="share")
    floor = rules.strictest(queries.floors(scope))[key].share
    if reseller and share is not None and share > floor:
        raise Invalid("share_too_lax", f"Your provider's limit is {floor / 10_000:g} %: yours can only be stricter.", field="share")
    table, own = ("reseller_standing_limit", "reseller_id, ") if reseller else ("standing_limit", "")
    values = {"measure": measure, "grade": grade, "share": share, "reseller": scope.reseller_id}
    where = " AND reseller_id = :reseller" if reseller else ""
    session(scope).execute(sa.text(f"DELETE FROM {table} WHERE measure = :measure AND grade = :grade{where}"), values)
    if share is not None:
        mine = ":reseller, " if reseller else ""
        session(scope).execute(sa.text(f"INSERT INTO {table} ({own}measure, grade, share) VALUES ({mine}:measure, :grade, :share)"), values)
    audit.record(scope, verb="standing.limit_set", subject="standing", measure=measure, grade=grade, share=share)


def _key(measure: str, grade: str) -> tuple[Measure, Grade]:
    words = {one.word: one for one in Grade if one is not Grade.WELL}
    if measure not in set(Measure) or grade not in words:
        raise Invalid("limit_unknown", "Choose bounces or complaints, and warned, slowed, held or suspended.", field="grade")
    return Measure(measure), words[grade]
