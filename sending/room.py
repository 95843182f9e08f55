"""What leaves, when, by which way, and what became of it?"""

from __future__ import annotations

from posthouse.platform.manifest import Room
from posthouse.sending.simulator.commands import COMMAND as SIMULATOR

ROOM = Room(name="sending", commands=[SIMULATOR])
