"""Folds the tallies that sending leaves behind into days."""

from __future__ import annotations

import sqlalchemy as sa

from posthouse.platform.db import session, transaction
from posthouse.platform.jobs import PeriodicJob
from posthouse.platform.scope import Scope

AT_ONCE = 5_000
_FOLD = sa.text("SELECT sending_fold_tallies(:most)")


def fold(scope: Scope) -> None:
    """Fold what waits, a few thousand at a time. May be repeated, and by several at once."""
    while True:
        with transaction(scope):
            folded = session(scope).execute(_FOLD, {"most": AT_ONCE}).scalar_one()
        if folded < AT_ONCE:
            return


PERIODIC = [PeriodicJob("sending.fold_tallies", fold, every_seconds=15)]
