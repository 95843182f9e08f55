"""May they have more, and who owes whom what?"""

from __future__ import annotations

from posthouse.platform.manifest import Room

ROOM = Room(name="billing")
