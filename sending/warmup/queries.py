"""Read warm-ups: what was planned and what was sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending.mailboxes.queries import names
from posthouse.sending.pools import permissions
from posthouse.sending.warmup.models import Warmup, WarmupDay

SHOWN = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class DayCard:
    """One day at one mailbox provider. `planned` None: past the last stage. `stage` counts from 1."""

    day: date
    group: str
    stage: int
    planned: int | None
    actual: int


@dataclass(frozen=True, slots=True)
class WarmupCard:
    """A route's warm-up. `running` False: it has ended, or there was none."""

    running: bool
    stages: tuple[int, ...]
    started_at: datetime | None
    days: tuple[DayCard, ...]


def warmup_of(scope: Scope, *, route_id: int) -> WarmupCard:
    """Return a route's warm-up with its last month, the newest day first."""
    require(scope, permissions.MANAGE)
    row = session(scope).get(Warmup, route_id)
    query = sa.select(WarmupDay).where(WarmupDay.route_id == route_id, WarmupDay.day > clock.now().date() - SHOWN)
    found = session(scope).scalars(query.order_by(WarmupDay.day.desc(), WarmupDay.domain_group))
    named = names(scope)
    days = tuple(DayCard(one.day, named.get(one.domain_group, one.domain_group), one.stage + 1, one.allowed, one.used) for one in found)
    if row is None:
        return WarmupCard(False, (), None, days)  # noqa: FBT003
    return WarmupCard(True, tuple(row.stages), row.started_at, days)  # noqa: FBT003
