"""Forgets what was taken once it counts no more."""

from __future__ import annotations

from posthouse.platform.db import transaction
from posthouse.platform.scope import Scope
from posthouse.sending.pools import health
from posthouse.sending.rates import services

FORGET_JOB = "sending.forget_spent"


def forget_spent(scope: Scope) -> None:
    """Delete what counts no more. May be repeated."""
    with transaction(scope):
        services.forget(scope)
        health.forget(scope)
