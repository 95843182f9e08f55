"""What do people and programs see over HTTP?

Webui knows pages, the interface for programs, recipients' links and providers' hooks. It decides nothing: it finds out who
asks, checks their permission, calls one service or query of the rooms below, and shows what came of it. Nobody calls it.
What it keeps of its own is how news goes out to programs: `webhooks/`.
"""

from __future__ import annotations

from posthouse.platform.manifest import Room
from posthouse.webui.commands import COMMANDS
from posthouse.webui.edge import doctor
from posthouse.webui.webhooks import erasure
from posthouse.webui.webhooks.jobs import HANDLERS, JOBS, SHIFTS
from posthouse.webui.webhooks.permissions import PERMISSIONS

ROOM = Room(
    name="webui",
    models=["posthouse.webui.webhooks.models"],
    permissions=PERMISSIONS,
    jobs=[*JOBS, *erasure.JOBS],
    handlers=[*HANDLERS, *erasure.HANDLERS],
    shifts=SHIFTS,
    commands=COMMANDS,
    sealed=["webhook_endpoint.secret", "webhook_endpoint.secret_before"],
    checks=[doctor.CHECK],
)
