"""Forgets what pools carried once no forecast looks at it any more."""

from __future__ import annotations

from datetime import timedelta

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.scope import Scope
from posthouse.sending.pools import paces

FORGET_JOB = "sending.forget_paces"
KEEP = timedelta(days=8)


def forget_paces(scope: Scope) -> None:
    """Delete what is older than eight days. May be repeated."""
    with transaction(scope):
        paces.forget(scope, before=clock.now() - KEEP)
