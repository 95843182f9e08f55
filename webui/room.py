"""What do people and programs see over HTTP?

Webui knows pages, the interface for programs, recipients' links and providers' hooks. It decides nothing: it finds out who
asks, checks their permission, calls one service or query of the rooms below, and shows what came of it. Nobody calls it.
"""

from __future__ import annotations

from posthouse.platform.manifest import Room
from posthouse.webui.commands import COMMANDS
from posthouse.webui.edge import doctor

ROOM = Room(name="webui", commands=COMMANDS, checks=[doctor.CHECK])
