"""Forget what came in long ago, in small steps: what it did stays at its message; answers by people stay with their threads."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from posthouse.inbound.retention.files import done_files
from posthouse.platform import clock
from posthouse.platform.app import settings
from posthouse.platform.db import session, transaction
from posthouse.platform.jobs import PeriodicJob
from posthouse.platform.scope import Scope, for_tenant

STEP = 1_000
_IDS_BEGIN = 1_767_225_600_000  # as in the function posthouse_id() of the first migration
RUN_SECONDS = 240.0

_REPORTS = "SELECT id FROM provider_report WHERE received_at < :before AND sorted_at IS NOT NULL ORDER BY received_at LIMIT :step"
_UNMATCHED = "SELECT id FROM unmatched_mail WHERE received_at < :before ORDER BY received_at LIMIT :step"
_FORGOTTEN = 'SELECT id FROM forgotten_address WHERE "until" < :before LIMIT :step'
_MAIL = "SELECT id FROM inbound_mail WHERE tenant_id = :tenant AND id < :before AND effect <> 'answered' ORDER BY id LIMIT :step"


def forget_old_mail(scope: Scope) -> None:
    """Delete posts, mails and files that are past their time, the oldest first. Periodic; may be repeated and stopped anywhere."""
    until, now, kept = clock.monotonic() + RUN_SECONDS, clock.now(), settings()
    old_posts, old_mail = now - timedelta(days=kept.inbound_post_days), now - timedelta(days=kept.inbound_mail_days)
    _in_steps(scope, f"DELETE FROM provider_report WHERE id IN ({_REPORTS})", until, before=old_posts)
    _in_steps(scope, f"DELETE FROM unmatched_mail WHERE id IN ({_UNMATCHED})", until, before=old_mail)
    _in_steps(
        scope,
        "DELETE FROM inbound_tally WHERE id IN (SELECT id FROM inbound_tally WHERE day < :before LIMIT :step)",
        until,
        before=old_mail.date(),
    )
    _in_steps(scope, f"DELETE FROM forgotten_address WHERE id IN ({_FORGOTTEN})", until, before=now)
    for tenant_id, reseller_id in _tenants(scope, old_mail):
        own = for_tenant(reseller_id=reseller_id, tenant_id=tenant_id, actor=scope.actor, reason="forget old mail")
        statement = f"DELETE FROM inbound_mail WHERE tenant_id = :tenant AND id IN ({_MAIL})"
        _in_steps(own, statement, until, before=_id_of(old_mail), tenant=tenant_id)
    _forget_files(kept.data / "accounting", old_posts)


def _tenants(scope: Scope, before: datetime) -> list[tuple[int, int]]:
    with transaction(scope) as live:
        found = live.execute(sa.text("SELECT o_tenant_id, o_reseller_id FROM inbound_tenants_before(:before)"), {"before": _id_of(before)})
        return [(row[0], row[1]) for row in found]


def _id_of(at: datetime) -> int:
    """The least id that a row could get at that time: the database counts milliseconds since 2026 in the upper bits of its ids."""
    return (int(at.timestamp() * 1_000) - _IDS_BEGIN) << 22


def _in_steps(scope: Scope, statement: str, until: float, **values: object) -> None:
    while clock.monotonic() < until:
        with transaction(scope):
            deleted = session(scope).execute(sa.text(statement), {**values, "step": STEP}).rowcount  # type: ignore[attr-defined]
        if deleted < STEP:
            return


def _forget_files(root: Path, before: datetime) -> None:
    for path in done_files(root):
        if path.stat().st_mtime < before.timestamp():
            path.unlink(missing_ok=True)


PERIODIC = [PeriodicJob("inbound.forget_old_mail", forget_old_mail, every_seconds=3_600)]
