"""The manifest type: plain lists through which a room is known to the house (see `rooms.py`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posthouse.platform.cli import Command
    from posthouse.platform.doctor.findings import Check
    from posthouse.platform.events import Handler
    from posthouse.platform.jobs import Job, PeriodicJob, Shift, Tick
    from posthouse.platform.permissions import Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What one room brings to the house."""

    name: str
    models: Sequence[str] = ()  # dotted names of the modules that define tables
    permissions: Sequence[Permission] = ()
    jobs: Sequence[Job] = ()
    periodic: Sequence[PeriodicJob] = ()
    ticks: Sequence[Tick] = ()  # done by the scheduler itself
    shifts: Sequence[Shift] = ()  # how workers of a queue spend their time
    handlers: Sequence[Handler] = ()
    commands: Sequence[Command] = ()
    sealed: Sequence[str] = ()  # TABLE.COLUMN of every value sealed under a master key
    checks: Sequence[Check] = ()  # questions of `posthouse doctor`
    first_runs: Sequence[Callable[[], list[str]]] = ()  # at every start of `up`; each says what it did, line by line
    blueprints: Sequence[Callable[[], Any]] = ()  # makers of Flask blueprints
