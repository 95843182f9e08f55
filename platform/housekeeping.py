"""Forgets finished jobs and relayed events after a while, in small steps."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.scope import Scope

KEEP_DONE = timedelta(days=3)
KEEP_FAILED = timedelta(days=90)
STEP = 5_000

_DONE = sa.text(
    "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE state = :state AND finished_at < :before ORDER BY finished_at LIMIT :step)"
)


def forget_old_work(scope: Scope) -> None:
    """Delete finished jobs that nobody asks for any more. May be repeated."""
    for state, keep in (("done", KEEP_DONE), ("failed", KEEP_FAILED)):
        _in_steps(scope, {"state": state, "before": clock.now() - keep, "step": STEP})


def _in_steps(scope: Scope, values: dict[str, object]) -> None:
    while True:
        with transaction(scope):
            deleted = session(scope).execute(_DONE, values).rowcount  # type: ignore[attr-defined]
        if deleted < STEP:
            return
