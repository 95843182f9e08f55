"""What arrived by mail, and whom does it concern?"""

from __future__ import annotations

from posthouse.platform.manifest import Room

ROOM = Room(name="inbound")
