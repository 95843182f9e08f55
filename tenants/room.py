"""Who is this, whose are they, what may they do, and whom do they write to?"""

from __future__ import annotations

from posthouse.platform.manifest import Room

ROOM = Room(name="tenants")
