"""Names the rooms and assembles the house from their manifests. Nothing registers itself by being imported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from posthouse.platform.events import HANDLE, HANDLE_TOGETHER, Event, Handler, handle, handle_together
from posthouse.platform.jobs import Job, PeriodicJob, Shift, Tick
from posthouse.platform.manifest import Room
from posthouse.platform.permissions import Permission

if TYPE_CHECKING:
    from posthouse.platform.cli import Command
    from posthouse.platform.doctor.findings import Check

ROOMS = ("platform", "tenants", "billing", "sending", "inbound", "webui")


@dataclass
class House:
    """All that the rooms bring, by name."""

    jobs: dict[str, Job] = field(default_factory=dict)
    periodic: dict[str, PeriodicJob] = field(default_factory=dict)
    ticks: list[Tick] = field(default_factory=list)
    shifts: dict[str, Shift] = field(default_factory=dict)
    handlers: dict[str, dict[str, Handler]] = field(default_factory=lambda: defaultdict(dict))
    permissions: dict[str, Permission] = field(default_factory=dict)
    commands: dict[str, Command] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    sealed: list[str] = field(default_factory=list)
    first_runs: list[Callable[[], list[str]]] = field(default_factory=list)
    blueprints: list[Any] = field(default_factory=list)
    models: list[str] = field(default_factory=list)


class DeclaredTwice(Exception):
    """Two rooms declare the same name."""


def assemble() -> House:
    """Read the manifests of all rooms. Raises: DeclaredTwice."""
    house = House()
    house.jobs[HANDLE] = Job(HANDLE, handle)
    house.jobs[HANDLE_TOGETHER] = Job(HANDLE_TOGETHER, handle_together)
    for name in ROOMS:
        _move_in(house, _manifest(name))
    return house


def _manifest(name: str) -> Room:
    room: Room = import_module(f"posthouse.{name}.room").ROOM
    return room


def _move_in(house: House, room: Room) -> None:
    for job in room.jobs:
        _put(house.jobs, job.kind, job)
    for periodic in room.periodic:
        _put(house.periodic, periodic.kind, periodic)
        _put(house.jobs, periodic.kind, Job(periodic.kind, periodic.run, timeout_seconds=periodic.timeout_seconds))
    for shift in room.shifts:
        _put(house.shifts, shift.queue, shift)
    for handler in room.handlers:
        _put(house.handlers[handler.event.__name__], handler.name, handler)
    for permission in room.permissions:
        _put(house.permissions, permission.name, permission)
    for command in room.commands:
        _put(house.commands, command.name, command)
    house.ticks.extend(room.ticks)
    house.checks.extend(room.checks)
    house.sealed.extend(room.sealed)
    house.first_runs.extend(room.first_runs)
    house.blueprints.extend(room.blueprints)
    for module in room.models:
        import_module(module)
        house.models.append(module)


def _put(known: dict[str, Any], name: str, thing: Any) -> None:
    if name in known:
        raise DeclaredTwice(name)
    known[name] = thing


__all__ = ["ROOMS", "DeclaredTwice", "Event", "House", "assemble"]
