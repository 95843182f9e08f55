"""Later work of lists: showing in subscriptions what happened to an address, and folding what was counted."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from posthouse.platform.db import session, transaction
from posthouse.platform.jobs import PeriodicJob
from posthouse.platform.scope import Scope
from posthouse.tenants.events import AddressSuppressed
from posthouse.tenants.lists import services

AT_ONCE = 5_000
_FOLD = sa.text("SELECT tenants_fold_lists(:most)")


def mark_all_suppressed(scope: Scope, events: Sequence[AddressSuppressed]) -> None:
    """Take note of several suppressions with one statement; harmless when run twice."""
    if scope.tenant_id is None:
        return
    with transaction(scope):
        services.mark_suppressed(scope, *(event.suppression_id for event in events))


def mark_suppressed(scope: Scope, event: AddressSuppressed) -> None:
    """Take note of a suppression; harmless when run twice."""
    if scope.tenant_id is None:
        return
    with transaction(scope):
        services.mark_suppressed(scope, event.suppression_id)


def fold(scope: Scope) -> None:
    """Fold what lists' counts changed by, a few thousand at a time. May be repeated, and by several at once."""
    while True:
        with transaction(scope):
            folded = session(scope).execute(_FOLD, {"most": AT_ONCE}).scalar_one()
        if folded < AT_ONCE:
            return


PERIODIC = [PeriodicJob("tenants.fold_lists", fold, every_seconds=15)]
