"""Forgets which requests single messages came by, after the time for which repeating them is promised to be harmless."""

from __future__ import annotations

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.jobs import PeriodicJob
from posthouse.platform.scope import Scope
from posthouse.sending.transactional.rules import REMEMBERED

AT_ONCE = 5_000
_FORGET = sa.text("SELECT sending_forget_keys(:before, :most)")


def forget_keys(scope: Scope) -> None:
    """Delete the keys that are past their time, of all tenants. May be repeated and stopped anywhere."""
    while True:
        with transaction(scope):
            gone = session(scope).execute(_FORGET, {"before": clock.now() - REMEMBERED, "most": AT_ONCE}).scalar_one()
        if gone < AT_ONCE:
            return


PERIODIC = [PeriodicJob("sending.forget_keys", forget_keys, every_seconds=3_600)]
