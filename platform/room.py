"""How do we run safely at all?

Platform knows *that* there are tenants (an id), never what one is. It gives every other room its settings, database and
scope, jobs and events, audit, secrets, clock, ids and logs, and starts and stops the processes. It never speaks HTTP to a
person, SMTP to anybody, or money.

`Room` is the manifest type: plain lists through which a room is known to the house. Nothing registers itself by being
imported; `platform/rooms.py` names the rooms and assembles every process from their manifests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posthouse.platform.events import Event, Handler
    from posthouse.platform.jobs import Job, PeriodicJob
    from posthouse.platform.permissions import Permission


@dataclass(frozen=True, slots=True)
class Room:
    """What one room brings to the house."""

    name: str
    models: Sequence[str] = ()  # dotted modules that define tables
    permissions: Sequence[Permission] = ()
    jobs: Sequence[Job] = ()
    periodic: Sequence[PeriodicJob] = ()
    handlers: Sequence[Handler] = ()
    events: Sequence[type[Event]] = ()
    commands: Sequence[Callable[..., Any]] = ()
    blueprints: Sequence[Callable[[], Any]] = field(default=())
