"""How much a pool carries: noted by those who send, minute by minute."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.scope import Scope

_NOTE = sa.text(
    "INSERT INTO pool_pace (pool_id, minute, messages) VALUES (:pool, date_trunc('minute', CAST(:at AS timestamptz)), :messages)"
    " ON CONFLICT (pool_id, minute) DO UPDATE SET messages = pool_pace.messages + excluded.messages"
)
_FORGET = sa.text("DELETE FROM pool_pace WHERE minute < :before")


def note(scope: Scope, *, pool_id: int, messages: int) -> None:
    """Add messages that were tried through a pool to the present minute."""
    session(scope).execute(_NOTE, {"pool": pool_id, "at": clock.now(), "messages": messages})


def forget(scope: Scope, *, before: datetime) -> None:
    """Delete minutes before an instant. May be repeated."""
    session(scope).execute(_FORGET, {"before": before})
