"""What leaves, when, by which way, and what became of it?"""

from __future__ import annotations

from posthouse.platform.jobs import Job
from posthouse.platform.manifest import Room
from posthouse.sending import permissions
from posthouse.sending.domains import jobs as domain_jobs
from posthouse.sending.domains.services import CHECK_JOB
from posthouse.sending.simulator.commands import COMMAND as SIMULATOR

ROOM = Room(
    name="sending",
    models=["posthouse.sending.domains.models"],
    permissions=[*permissions.CONTENT],
    jobs=[
        Job(CHECK_JOB, domain_jobs.check_domain),
    ],
    commands=[SIMULATOR],
)
