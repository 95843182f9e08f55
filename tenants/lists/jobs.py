"""Later work of lists: showing in subscriptions what happened to an address."""

from __future__ import annotations

from collections.abc import Sequence

from posthouse.platform.db import transaction
from posthouse.platform.scope import Scope
from posthouse.tenants.events import AddressSuppressed
from posthouse.tenants.lists import services


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
