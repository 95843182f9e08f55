"""Read the counts."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from posthouse.inbound.permissions import READ_UNMATCHED
from posthouse.inbound.tally.models import InboundTally
from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope


def counted(scope: Scope, *, days: int = 7) -> dict[str, int]:
    """How often each thing happened today and on the days before it, for the operator."""
    require(scope, READ_UNMATCHED)
    since = clock.now().date() - timedelta(days=days - 1)
    found = sa.select(InboundTally.what, sa.func.sum(InboundTally.mails)).where(InboundTally.day >= since).group_by(InboundTally.what)
    return {what: int(mails) for what, mails in session(scope).execute(found)}
