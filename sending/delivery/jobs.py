"""What of delivery runs by itself: shifts on the two lanes, and the scheduler's ticks."""

from __future__ import annotations

from functools import partial

from posthouse.platform.db import transaction
from posthouse.platform.events import Handler
from posthouse.platform.jobs import Shift, Tick
from posthouse.platform.scope import Scope
from posthouse.sending.delivery import lane, sweeper, turns
from posthouse.tenants.events import WeightChanged
from posthouse.tenants.quotas import allowances

STREAMS = ("marketing", "transactional")


def _give_up_lost(scope: Scope) -> None:
    sweeper.give_up_lost(scope)


def _sweep(scope: Scope) -> None:
    sweeper.sweep(scope)


def take_weight(scope: Scope, _event: WeightChanged) -> None:
    """Give a tenant's lanes its present share. May be repeated, and in any order."""
    with transaction(scope):
        weight = allowances.weight(scope)
        for stream in STREAMS:
            turns.set_weight(scope, stream=stream, weight=weight)


HANDLERS = [Handler(WeightChanged, "lanes", take_weight)]
# A single message has somebody waiting: its workers change shifts seldom.
SHIFTS = [Shift("marketing", partial(lane.work, "marketing")), Shift("transactional", partial(lane.work, "transactional"), seconds=300)]
TICKS = [
    Tick("sending.sweep", _sweep, 1.0),
    Tick("sending.wake_lanes", sweeper.wake, 1.0),
    Tick("sending.wake_all_lanes", sweeper.wake_all, 30.0),
    Tick("sending.give_up_lost", _give_up_lost, 60.0),
]
