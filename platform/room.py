"""How do we run safely at all?

Platform knows *that* there are tenants (an id), never what one is. It gives every other room its settings, database and
scope, jobs and events, audit, secrets, clock, ids and logs, and starts and stops the processes. It never speaks HTTP to a
person, SMTP to anybody, or money. Everybody may call it; it calls nobody.
"""

from __future__ import annotations

from posthouse.platform import commands, first_run, housekeeping, resealing, up
from posthouse.platform.doctor import command as doctor
from posthouse.platform.jobs import PeriodicJob, Shift
from posthouse.platform.manifest import Room
from posthouse.platform.runner import work_jobs

ROOM = Room(
    name="platform",
    models=["posthouse.platform.tables"],
    periodic=[PeriodicJob("platform.forget_old_work", housekeeping.forget_old_work, every_seconds=3600)],
    shifts=[Shift("jobs", work_jobs)],
    commands=[*commands.COMMANDS, doctor.COMMAND, first_run.COMMAND, resealing.COMMAND, up.COMMAND],
)
