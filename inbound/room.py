"""What arrived by mail, and whom does it concern?

Inbound takes mail by SMTP and providers' reports, keeps it before it says so, understands it, and gives it to the tenant whose token it bears. It
tells sending what became of a message and tenants whom not to write to. It believes no address and no report without a
genuine token, never answers a mail, and never speaks HTTP.
"""

from __future__ import annotations

from posthouse.inbound.boxes import jobs as boxes
from posthouse.inbound.commands import COMMANDS
from posthouse.inbound.inspection import jobs as inspection
from posthouse.inbound.learning import jobs as learning
from posthouse.inbound.mailroom.erasure import HANDLERS
from posthouse.inbound.permissions import PERMISSIONS
from posthouse.inbound.providers.jobs import JOBS as PROVIDER_JOBS
from posthouse.inbound.providers.jobs import PERIODIC
from posthouse.inbound.retention import erasure
from posthouse.inbound.retention import jobs as retention
from posthouse.inbound.threads import jobs as threads
from posthouse.platform.manifest import Room

ROOM = Room(
    name="inbound",
    models=[
        "posthouse.inbound.boxes.models",
        "posthouse.inbound.inspection.models",
        "posthouse.inbound.learning.models",
        "posthouse.inbound.mailroom.models",
        "posthouse.inbound.providers.models",
        "posthouse.inbound.reports.models",
        "posthouse.inbound.retention.models",
        "posthouse.inbound.tally.models",
        "posthouse.inbound.threads.models",
    ],
    jobs=[*PROVIDER_JOBS, *boxes.JOBS, *erasure.JOBS, *inspection.JOBS, *learning.JOBS, *threads.JOBS],
    handlers=[*HANDLERS, *erasure.HANDLERS, *threads.HANDLERS],
    periodic=[*PERIODIC, *boxes.PERIODIC, *retention.PERIODIC],
    sealed=["bounce_box.password_sealed", "provider_hook.secret"],
    permissions=PERMISSIONS,
    commands=COMMANDS,
)
