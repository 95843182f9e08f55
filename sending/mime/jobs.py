"""Forgets ready-made messages after their time."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.jobs import PeriodicJob
from posthouse.platform.scope import Scope

# Longer than any copy may be on its way, and long enough to look into a complaint.
KEPT = timedelta(days=30)
AT_ONCE = 500
_FORGET = sa.text("SELECT sending_forget_mime(:before, :most)")


def forget_letters(scope: Scope) -> None:
    """Delete what no copy needs any more. May be repeated."""
    while True:
        with transaction(scope):
            gone = session(scope).execute(_FORGET, {"before": clock.now() - KEPT, "most": AT_ONCE}).scalar_one()
        if gone < AT_ONCE:
            return


PERIODIC = [PeriodicJob("sending.forget_mime", forget_letters, every_seconds=3_600)]
