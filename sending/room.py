"""What leaves, when, by which way, and what became of it?"""

from __future__ import annotations

from posthouse.platform.manifest import Room

ROOM = Room(name="sending")
