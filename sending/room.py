"""What leaves, when, by which way, and what became of it?"""

from __future__ import annotations

from posthouse.platform.jobs import Job
from posthouse.platform.manifest import Room
from posthouse.sending import permissions
from posthouse.sending.delivery.jobs import SHIFTS, TICKS
from posthouse.sending.domains import jobs as domain_jobs
from posthouse.sending.domains.services import CHECK_JOB
from posthouse.sending.pools.permissions import PERMISSIONS as POOLS
from posthouse.sending.simulator.commands import COMMAND as SIMULATOR

ROOM = Room(
    name="sending",
    models=[
        "posthouse.sending.delivery.models",
        "posthouse.sending.domains.models",
        "posthouse.sending.messages.models",
        "posthouse.sending.pools.models",
    ],
    permissions=[*permissions.CONTENT, *POOLS],
    jobs=[
        Job(CHECK_JOB, domain_jobs.check_domain),
    ],
    shifts=SHIFTS,
    ticks=TICKS,
    commands=[SIMULATOR],
)
