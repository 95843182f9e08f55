"""What do people and programs see over HTTP?"""

from __future__ import annotations

from posthouse.platform.manifest import Room

ROOM = Room(name="webui")
